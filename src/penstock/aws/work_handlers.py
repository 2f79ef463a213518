"""Handlers of the functions that work on jobs: batches of their queues' messages."""

import atexit
import logging
import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from penstock.aws.compose_work import compose_work
from penstock.aws.jobs.ports import sqs_dispatch
from penstock.aws.jobs.queue import SqsDispatch
from penstock.aws.logs.lines import log_as_json
from penstock.aws.logs.work import MessageRecord, work_log
from penstock.aws.services.clients import Clients
from penstock.errors import BusyError
from penstock.errors.location import code_path
from penstock.jobs.run import RunOutcome, run
from penstock.jobs.worker import Worker
from penstock.lean import share_one_heap
from penstock.model.job_id import logged_id
from penstock.model.message import JobMessage, message_from
from penstock.settings import JobSettings, from_environment

_LEAVING_SECONDS = 20
"""What an attempt may take to hand its job back before the function's time is up."""
_SPENT_BEFORE = 0.1
"""The share of an invocation that the messages before one in its batch may have taken, with which
its attempt still counts as one that had all the time there is."""
_MILLISECONDS = 1000
_NO_MESSAGE = "unreadable: It is no message of a job."

_log = logging.getLogger("penstock.jobs")


def work(event: dict[str, Any], context: Any) -> Any:
    """Work on the messages of a batch, one after the other (SmallWorkFunction and its siblings).

    Answers which of them are to come again: those whose job's row couldn't be read, and those whose
    turn didn't come before the function's time was up. What is no message is buried.
    """
    working = _working()
    seconds = context.get_remaining_time_in_millis() / _MILLISECONDS
    working.time.begins(seconds - _LEAVING_SECONDS)
    return process_partial_response(
        event=event,
        record_handler=working.one,
        # Where nothing at all went well, that is told as of single messages.
        processor=BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False),
        context=context,
    )


@dataclass(slots=True)
class InvocationTime:
    """When the invocation that is under way began, and when it is to end."""

    began_at: float = 0.0
    ends_at: float = 0.0

    def begins(self, seconds: float) -> None:
        """Take it from now on for that long."""
        self.began_at = time.monotonic()
        self.ends_at = self.began_at + seconds

    def is_up(self) -> bool:
        return time.monotonic() >= self.ends_at

    def was_whole(self, began: float) -> bool:
        """Whether an attempt that began then ran out of time, and no other one had part of it."""
        spent_before = began - self.began_at
        return self.is_up() and spent_before <= _SPENT_BEFORE * (self.ends_at - self.began_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Working:
    worker: Worker
    dispatch: SqsDispatch
    time: InvocationTime
    keep: Callable[[MessageRecord], None]

    def one(self, record: SQSRecord) -> None:
        """Work on one message; whatever this raises has the message come again."""
        queue = record.event_source_arn.rpartition(":")[2]
        message = message_from(record.body)
        if message is None:
            self.dispatch.bury_body(record.body, reason=_NO_MESSAGE)
            _log.warning("no message", extra={"queue": queue, "outcome": "buried"})
            return
        began = time.monotonic()
        facts = {"tenant": message.tenant, "job_id": logged_id(message.job_id), "queue": queue}
        try:
            ran = self._run(message)
        except BusyError as error:
            _log.warning(
                "job put off", extra={**facts, "outcome": "put-off", "problem": error.code}
            )
            raise
        except Exception as error:
            _log.error("message failed: %s", code_path(error), extra=facts)
            raise
        seconds = time.monotonic() - began
        self.keep(MessageRecord(message=message, ran=ran, queue=queue, seconds=seconds))

    def _run(self, message: JobMessage) -> RunOutcome:
        if self.time.is_up():
            raise BusyError("The function's time is up.", retry_after_seconds=_LEAVING_SECONDS)
        return run(self.worker, message)


@cache
def _working() -> _Working:
    """Compose the worker once for as long as this environment lives."""
    share_one_heap()
    settings, clients = from_environment(JobSettings), Clients()
    log_as_json(service=settings.service)
    stack = ExitStack()
    atexit.register(stack.close)
    until = InvocationTime()
    owner = f"{settings.service}-{secrets.token_hex(8)}"
    worker = stack.enter_context(
        compose_work(
            settings,
            clients,
            owner=owner,
            is_stopping=until.is_up,
            had_whole_time=until.was_whole,
        )
    )
    return _Working(
        worker=worker,
        dispatch=sqs_dispatch(settings, clients),
        time=until,
        keep=work_log(service=settings.service, namespace=settings.metrics_namespace),
    )
