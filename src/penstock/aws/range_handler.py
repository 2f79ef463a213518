"""The handler of the function that reads one range of a large table (RangeFunction)."""

import logging
import time
from functools import cache
from typing import Any

from penstock.aws.jobs.databases import SsmDatabases
from penstock.aws.jobs.outputs import S3Outputs
from penstock.aws.jobs.range_reading import RangeOrder, RangeOutcome, RangeReading
from penstock.aws.jobs.store import DynamoJobStore
from penstock.aws.logs.lines import log_as_json
from penstock.aws.services.clients import Clients
from penstock.aws.services.dynamo_table import DynamoTable
from penstock.errors import BusyError
from penstock.errors.location import code_path
from penstock.exports.limits import ExportLimits
from penstock.exports.range_answers import Answer
from penstock.lean import share_one_heap
from penstock.model.clock import utc_now
from penstock.model.job_id import logged_id
from penstock.settings import RangeSettings, from_environment

_LEAVING_SECONDS = 10
_MILLISECONDS = 1000
_UPLOAD_SECONDS = 60
"""The answer to the last request of an upload comes once its parts are joined."""

_log = logging.getLogger("penstock.jobs")


def read(event: dict[str, Any], context: Any) -> dict[str, RangeOutcome]:
    """Read one range of the table of a job's attempt, and store its answer in the job's folder.

    The event names `tenant`, `job_id`, the attempt's `token`, and the range by its `number`.
    Answers the `outcome`, which a state machine goes by. A range may be asked for twice: each
    reader's files have names of their own, and the first answer is the one that counts.
    """
    order = RangeOrder(
        tenant=event["tenant"], job_id=event["job_id"], token=event["token"], number=event["number"]
    )
    seconds = context.get_remaining_time_in_millis() / _MILLISECONDS - _LEAVING_SECONDS
    began = time.monotonic()
    try:
        outcome, answer = _reading().one(order, ends_at=began + seconds)
    except BusyError:
        # What it would have said can't be stored, or nobody knows whether it is wanted.
        outcome, answer = "failed", None
    except Exception as error:
        _log.error("range failed: %s", code_path(error), extra={"tenant": order.tenant})
        raise
    seconds = time.monotonic() - began
    _log.info("range read", extra=range_facts(order, outcome, answer, seconds=seconds))
    return {"outcome": outcome}


def range_facts(
    order: RangeOrder, outcome: RangeOutcome, answer: Answer | None, *, seconds: float
) -> dict[str, object]:
    """Describe what came of a range: whose, and how much it was; nothing of what it holds."""
    facts: dict[str, object] = {
        "tenant": order.tenant,
        "job_id": logged_id(order.job_id),
        "range": order.number,
        "outcome": outcome,
        "duration_ms": round(seconds * _MILLISECONDS, 1),
    }
    if answer is not None and "parts" in answer:
        facts["rows"] = sum(part["rows"] for part in answer["parts"])
        facts["bytes"] = sum(part["bytes"] for part in answer["parts"])
    elif answer is not None:
        facts["problem"] = "permanent" if answer["fault"]["is_permanent"] else "recoverable"
    return facts


@cache
def _reading() -> RangeReading:
    """Compose once for as long as this environment lives."""
    share_one_heap()
    settings, clients = from_environment(RangeSettings), Clients()
    log_as_json(service=settings.service)
    return RangeReading(
        store=DynamoJobStore(DynamoTable(clients.of("dynamodb"), settings.jobs_table)),
        outputs=S3Outputs(
            client=clients.of("s3", read_seconds=_UPLOAD_SECONDS), bucket=settings.dataset_bucket
        ),
        databases=SsmDatabases(
            client=clients.of("ssm"),
            environment=settings.environment,
            seconds=settings.tenant_seconds,
            now=utc_now,
            proxy=settings.database_proxy,
        ),
        limits=ExportLimits(
            part_rows=settings.export_part_rows, part_bytes=settings.export_part_bytes
        ),
    )
