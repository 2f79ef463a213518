"""One item that can't be read holds no other up."""

from typing import Any

import pytest
from tests.aws_tables import fresh_name, make_jobs_table
from tests.job_homes import a_job, told
from tests.moving_clock import START
from tests.stand_ins import StandIn
from tests.unit.aws.watched_client import Watched

from penstock.aws.jobs.events import DynamoJobEvents
from penstock.aws.jobs.items import JOB, event_part, job_place
from penstock.aws.jobs.store import DynamoJobStore
from penstock.aws.services.dynamo_table import DynamoTable
from penstock.model.job import Job
from penstock.model.job_id import logged_id
from penstock.ports import JobFilter


@pytest.fixture
def client(aws_server: StandIn) -> Any:
    return Watched(aws_server, "dynamodb").client


@pytest.fixture
def table(client: Any) -> str:
    name = fresh_name("jobs")
    make_jobs_table(client, name=name)
    return name


def added(store: DynamoJobStore) -> Job:
    job = a_job(user="ada")
    return store.add(job, told(job, "job.accepted", at=START))


def damage(client: Any, table: str, job: Job, part: str) -> None:
    client.update_item(
        TableName=table,
        Key={"place": {"S": job_place(job.tenant, job.id)}, "part": {"S": part}},
        UpdateExpression="SET body = :body",
        ConditionExpression="attribute_exists(place)",
        ExpressionAttributeValues={":body": {"S": "{}"}},
    )


@pytest.mark.parametrize("wanted", [JobFilter(), JobFilter(user="ada", kind="export")])
def test_a_list_passes_over_a_job_that_can_not_be_read(
    client: Any, table: str, wanted: JobFilter, caplog: pytest.LogCaptureFixture
) -> None:
    store = DynamoJobStore(DynamoTable(client, table))
    jobs = sorted((added(store) for _ in range(5)), key=lambda job: job.id)
    for lost in (jobs[1], jobs[3]):
        damage(client, table, lost, JOB)
    readable = [jobs[4].id, jobs[2].id, jobs[0].id]
    assert [job.id for job in store.list("acme", wanted, limit=9)] == readable
    # A page is full while there are further ones, or it would be taken for the last.
    assert [job.id for job in store.list("acme", wanted, limit=2)] == readable[:2]
    named = {(record.message, record.job_id) for record in caplog.records}  # type: ignore[attr-defined] # what is logged beside the words
    assert named == {("unreadable job", logged_id(jobs[place].id)) for place in (1, 3)}


def test_events_that_can_not_be_read_are_passed_over(
    client: Any, table: str, caplog: pytest.LogCaptureFixture
) -> None:
    store, events = (
        DynamoJobStore(DynamoTable(client, table)),
        DynamoJobEvents(DynamoTable(client, table)),
    )
    jobs = [added(store) for _ in range(4)]
    waiting = [event.job_id for event in events.unpublished(limit=9)]
    by_id = {job.id: job for job in jobs}
    for lost in waiting[:2]:
        damage(client, table, by_id[lost], event_part(by_id[lost].progress.seq))
    assert [event.job_id for event in events.unpublished(limit=9)] == waiting[2:]
    assert [event.job_id for event in events.unpublished(limit=1)] == waiting[2:3]
    assert events.after("acme", waiting[0], -1) == []
    assert {record.message for record in caplog.records} == {"unreadable event"}
