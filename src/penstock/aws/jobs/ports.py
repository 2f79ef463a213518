"""The adapters of jobs in a stack."""

from penstock.aws.jobs.bus_events import BusEvents
from penstock.aws.jobs.databases import SsmDatabases
from penstock.aws.jobs.dead_letters import SqsDeadLetters
from penstock.aws.jobs.events import DynamoJobEvents
from penstock.aws.jobs.logged_dispatch import LoggedDispatch
from penstock.aws.jobs.outputs import S3Outputs
from penstock.aws.jobs.queue import SqsDispatch
from penstock.aws.jobs.store import DynamoJobStore
from penstock.aws.jobs.upkeep import DynamoJobUpkeep
from penstock.aws.jobs.used_keys import DynamoUsedKeys
from penstock.aws.services.clients import Clients
from penstock.aws.services.dynamo_table import DynamoTable
from penstock.model.clock import utc_now
from penstock.ports import JobPorts
from penstock.settings import JobSettings

_UPLOAD_SECONDS = 60
"""The answer to the last request of an upload comes once its parts are joined."""


def job_ports(settings: JobSettings, clients: Clients) -> JobPorts:
    """Give the jobs of a stack; nothing is looked up before the first request."""
    table = DynamoTable(clients.of("dynamodb"), settings.jobs_table)
    return JobPorts(
        store=DynamoJobStore(table),
        used_keys=DynamoUsedKeys(table),
        events=DynamoJobEvents(table),
        upkeep=DynamoJobUpkeep(table),
        dispatch=LoggedDispatch(sqs_dispatch(settings, clients)),
        letters=SqsDeadLetters(client=clients.of("sqs"), url=settings.dead_letters_url),
        publisher=BusEvents(client=clients.of("events"), bus=settings.event_bus),
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
    )


def sqs_dispatch(settings: JobSettings, clients: Clients) -> SqsDispatch:
    """Give the queues of a stack."""
    return SqsDispatch(
        client=clients.of("sqs"),
        queues={
            "small": settings.small_queue_url,
            "medium": settings.medium_queue_url,
            "large": settings.large_queue_url,
        },
        dead_letters=settings.dead_letters_url,
        own_queues=settings.own_queues,
    )
