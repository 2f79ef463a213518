"""Homes of jobs on AWS's stand-ins, for the contract suites."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from tests.aws_tables import client_of, fresh_name, make_jobs_table
from tests.job_homes import DatabasesHome, FreshRecords, JobRecords, OpenRecords, Queues
from tests.s3_parts import emptied_bucket
from tests.stand_ins import StandIn

from penstock.aws.jobs.databases import SsmDatabases
from penstock.aws.jobs.dead_letters import SqsDeadLetters
from penstock.aws.jobs.events import DynamoJobEvents
from penstock.aws.jobs.outputs import S3Outputs
from penstock.aws.jobs.queue import SqsDispatch
from penstock.aws.jobs.store import DynamoJobStore
from penstock.aws.jobs.upkeep import DynamoJobUpkeep
from penstock.aws.jobs.used_keys import DynamoUsedKeys
from penstock.aws.services.dynamo_table import DynamoTable
from penstock.model.job import SIZES, SizeClass
from penstock.model.message import JobMessage, message_from
from penstock.ports import Outputs

_LONGEST_WAIT_SECONDS = 30
_LOOK_SECONDS = 0.05


def dynamo_records(server: StandIn) -> FreshRecords:
    """Jobs in DynamoDB, each home a table of its own."""
    client = client_of(server, "dynamodb")

    def fresh() -> OpenRecords:
        table = fresh_name("jobs")
        make_jobs_table(client, name=table)

        def connect() -> JobRecords:
            records = DynamoTable(client, table)
            return JobRecords(
                store=DynamoJobStore(records),
                used_keys=DynamoUsedKeys(records),
                events=DynamoJobEvents(records),
                upkeep=DynamoJobUpkeep(records),
            )

        return connect

    return fresh


def fresh_queue(client: Any, what: str) -> str:
    """Make a queue, and give its URL."""
    return str(client.create_queue(QueueName=fresh_name(what))["QueueUrl"])


def sqs_queues(server: StandIn) -> Queues:
    """Queues in SQS, empty ones."""
    client = client_of(server, "sqs")
    queues = {size: fresh_queue(client, size) for size in SIZES}
    dead = fresh_queue(client, "dead")

    def arrived(size: SizeClass) -> list[JobMessage]:
        return [
            message for body in received(client, queues[size]) if (message := message_from(body))
        ]

    def wait(_seconds: float) -> None:
        for url in queues.values():
            _await_delayed(client, url)

    def lay_unreadable(body: str) -> None:
        client.send_message(QueueUrl=dead, MessageBody=body)

    return Queues(
        dispatch=SqsDispatch(client=client, queues=queues, dead_letters=dead),
        letters=SqsDeadLetters(client=client, url=dead, wait_seconds=0),
        arrived=arrived,
        wait=wait,
        lay_unreadable=lay_unreadable,
    )


def received(client: Any, url: str) -> list[str]:
    """Take every message of a queue that is due, and give its body."""
    bodies = []
    while found := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for each in found:
            bodies.append(each["Body"])
            client.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
    return bodies


def s3_outputs(server: StandIn) -> Outputs:
    """Outputs of an empty bucket."""
    return S3Outputs(client=emptied_bucket(server, "outputs"), bucket="outputs")


def ssm_databases(server: StandIn, now: Callable[[], datetime]) -> DatabasesHome:
    """Databases in Parameter Store, of an environment of its own."""
    client, environment = client_of(server, "ssm"), fresh_name("env")

    def put(tenant: str, connection_string: str) -> None:
        client.put_parameter(
            Name=f"/penstock/{environment}/tenants/{tenant}/postgres",
            Value=connection_string,
            Type="SecureString",
        )

    databases = SsmDatabases(client=client, environment=environment, seconds=60, now=now)
    return DatabasesHome(databases=databases, put=put)


def _await_delayed(client: Any, url: str) -> None:
    """Wait until no message of a queue is delayed any more: the queue's clock is its own."""
    ends = time.monotonic() + _LONGEST_WAIT_SECONDS
    name = "ApproximateNumberOfMessagesDelayed"
    while (
        client.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name] != "0"
    ):
        if time.monotonic() > ends:
            raise TimeoutError("a delayed message did not become due")
        time.sleep(_LOOK_SECONDS)
