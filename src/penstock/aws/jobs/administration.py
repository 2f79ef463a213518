"""What the commands on jobs work with in a stack."""

from collections.abc import Mapping
from typing import Any

from penstock.aws.administration import client_of
from penstock.aws.jobs.databases import SsmDatabases
from penstock.aws.jobs.dead_letters import SqsDeadLetters
from penstock.aws.jobs.events import DynamoJobEvents
from penstock.aws.jobs.outputs import S3Outputs
from penstock.aws.jobs.queue import SqsDispatch
from penstock.aws.jobs.store import DynamoJobStore
from penstock.aws.jobs.upkeep import DynamoJobUpkeep
from penstock.aws.jobs.used_keys import DynamoUsedKeys
from penstock.aws.services.dynamo_table import DynamoTable
from penstock.aws.services.parameters import Parameters
from penstock.errors import BusyError, SetupError
from penstock.model.clock import utc_now
from penstock.model.event import JobEvent
from penstock.model.job import SIZES, SizeClass
from penstock.ports import JobPorts

JOBS_TABLE_PARAMETER = "tables/jobs"
BUCKET_PARAMETER = "buckets/datasets"
DEAD_LETTERS_PARAMETER = "queues/dead-letters"
QUEUE_PARAMETERS: Mapping[SizeClass, str] = {size: f"queues/{size}" for size in SIZES}
"""The parameters of an environment that name what its jobs stand in; queues by their URLs."""
OWN_QUEUES_PATH = "queues/own"
"""Below it stand the queues of tenants with one of their own, by the tenants' ids."""


class _Later:
    """Events of a command are left where they are stored: the next sweep publishes them."""

    def publish(self, event: JobEvent) -> None:  # noqa: ARG002 - the port's
        raise BusyError("Events are published by the next sweep.", retry_after_seconds=60)


def stack_jobs(ssm: Any, *, environment: str) -> JobPorts:
    """Open the jobs of an environment; nothing but its parameters is looked up.

    Raises SetupError if the environment doesn't name one of its parts, and BusyError.
    """
    parameters = Parameters(ssm, environment=environment)

    def named(name: str) -> str:
        value = parameters.get(name)
        if value is None:
            raise SetupError(
                f"There is no parameter {parameters.full_name(name)}: check the environment and "
                "AWS_REGION, and whether its stack has jobs."
            )
        return value

    table = DynamoTable(client_of("dynamodb"), named(JOBS_TABLE_PARAMETER))
    sqs = client_of("sqs")
    dead_letters = named(DEAD_LETTERS_PARAMETER)
    return JobPorts(
        store=DynamoJobStore(table),
        used_keys=DynamoUsedKeys(table),
        events=DynamoJobEvents(table),
        upkeep=DynamoJobUpkeep(table),
        dispatch=SqsDispatch(
            client=sqs,
            queues={size: named(name) for size, name in QUEUE_PARAMETERS.items()},
            dead_letters=dead_letters,
            own_queues=parameters.below(OWN_QUEUES_PATH),
        ),
        letters=SqsDeadLetters(client=sqs, url=dead_letters),
        publisher=_Later(),
        outputs=S3Outputs(client=client_of("s3"), bucket=named(BUCKET_PARAMETER)),
        databases=SsmDatabases(client=ssm, environment=environment, seconds=0, now=utc_now),
    )
