"""One message of ten that can't be worked on, in each way that there is: the others are."""

import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest
from tests.aws_tables import client_of
from tests.flows.example_job import store_of
from tests.flows.function_process import FunctionProcess, function
from tests.flows.killed_jobs import KilledJobs, Wish, killed_jobs
from tests.flows.killed_service import killed_service, owner_pid
from tests.flows.stack_functions import batch
from tests.flows.stack_on_stand_ins import Stack, made_stack
from tests.flows.tenant_homes import add_tenant, store
from tests.long_runs import until
from tests.stand_ins import StandIn

from penstock.aws.jobs.dead_letters import SqsDeadLetters
from penstock.aws.jobs.items import JOB, job_place
from penstock.jobs.rules import rules_of
from penstock.jobs.sweep import Sweeper, sweep
from penstock.local.home_layout import jobs_path
from penstock.model.clock import utc_now
from penstock.model.event import event_of
from penstock.model.job import Job, hash_of
from penstock.model.job_id import new_job_id
from penstock.model.message import body_of, message_of
from penstock.model.progress import Progress
from penstock.model.tenant import Tenant
from penstock.settings import Settings

TEN = 10
WISH = Wish(type="dataset-slice", params={"dataset": "numbers", "query": "n__lt=50"})
POISON = Wish(type="dataset-slice", params={"dataset": "long", "query": ""}, formats=["csv"])
"""Takes long enough for its worker to be killed in its midst."""


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[KilledJobs]:
    home = tmp_path / "home"
    add_tenant(home, Tenant(id="acme", hosts=("localhost",)))
    store(home, "acme", "numbers", pa.table({"n": range(1000)}))
    texts = [f"row {n}" for n in range(400_000)]
    store(home, "acme", "long", pa.table({"text": texts}), row_group_rows=20_000)
    with (
        killed_service(home, tenant="acme") as service,
        killed_jobs(service, [WISH], Random(3)) as jobs,
    ):
        yield jobs


def states(killed: KilledJobs, ids: list[str]) -> list[str]:
    return [killed.job(job_id).state for job_id in ids]


def test_a_job_that_kills_each_worker_fails_and_nine_others_succeed(killed: KilledJobs) -> None:
    before = [killed.begin() for _ in range(3)]
    poison = killed.begin(POISON)
    others = before + [killed.begin() for _ in range(TEN - 4)]

    def is_over() -> bool:
        job = killed.job(poison)
        pid = owner_pid(job.lease_owner)
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return job.is_over

    until(is_over, what="the poisonous job ends")
    until(lambda: not killed.unfinished(), what="the others end")
    assert states(killed, others) == ["SUCCEEDED"] * (TEN - 1)
    job = killed.job(poison)
    assert job.state == "FAILED"
    assert job.error is not None
    assert (job.error.code, job.attempt) == ("stalled", 3)
    # The letter is laid right after the row says so.
    until(lambda: bool(killed.jobs.ports.letters.list(limit=1)), what="it is a dead letter")
    [letter] = killed.jobs.ports.letters.list(limit=10)
    assert letter.message == message_of(job)
    until(lambda: killed.files(job) == [], what="its files are gone")


@pytest.mark.parametrize("body", ["{poison", "{}", '{"tenant":"acme"}', "\x00"])
def test_a_message_that_can_not_be_read_is_a_dead_letter_and_ten_others_are_done(
    killed: KilledJobs, body: str
) -> None:
    killed.begin()
    with closing(sqlite3.connect(jobs_path(killed.service.home), timeout=30)) as records, records:
        records.execute(
            "INSERT INTO message (tenant, size, body, since, due) VALUES (?, ?, ?, 0, 0)",
            ("acme", "medium", body),
        )
    ids = [killed.begin() for _ in range(TEN - 1)]
    until(lambda: not killed.unfinished(), what="all end")
    until(lambda: bool(killed.jobs.ports.letters.list(limit=1)), what="the message is buried")
    assert states(killed, ids) == ["SUCCEEDED"] * (TEN - 1)
    [letter] = killed.jobs.ports.letters.list(limit=10)
    assert (letter.body, letter.message) == (body, None)


@pytest.mark.parametrize("is_over", [True, False], ids=["over", "under way"])
def test_a_job_whose_record_can_not_be_read_holds_no_other_up(
    killed: KilledJobs, *, is_over: bool
) -> None:
    lost = new_job_id()
    message = {"tenant": "acme", "job_id": lost, "kind": "export", "type": WISH.type}
    with closing(sqlite3.connect(jobs_path(killed.service.home), timeout=30)) as records, records:
        records.execute("UPDATE last_change SET number = number + 1")
        records.execute(
            "INSERT INTO job (tenant, id, user, kind, state, is_over, created, version,"
            " fencing_token, seq, change, body) VALUES ('acme', ?, 'ada', 'export', 'PAUSED', ?, 0,"
            ' 1, 0, 1, (SELECT number FROM last_change), \'{"state": "PAUSED"}\')',
            (lost, is_over),
        )
        records.execute(
            "INSERT INTO message (tenant, size, body, since, due) VALUES (?, ?, ?, 0, 0)",
            ("acme", "medium", json.dumps({**message, "size": "medium"})),
        )
    ids = [killed.begin() for _ in range(TEN)]
    until(lambda: not killed.unfinished(), what="the others end")
    assert states(killed, ids) == ["SUCCEEDED"] * TEN
    until(lambda: bool(killed.jobs.ports.letters.list(limit=1)), what="the message is buried")
    [letter] = killed.jobs.ports.letters.list(limit=10)
    assert letter.message is not None
    assert letter.message.job_id == lost
    assert "another one starts" not in killed.service.log()
    upkeep, ports = killed.jobs.ports.upkeep, killed.jobs.ports
    assert [job.id for job, _ in upkeep.unfinished()] == []
    swept = sweep(
        Sweeper(
            ports=ports,
            rules=rules_of(Settings(home=killed.service.home)),
            observer="test",
            seconds=lambda: 0.0,
            now=utc_now,
        )
    )
    assert swept.failed == 0
    assert ports.events.unpublished(limit=1) == []


@pytest.fixture(scope="module")
def stack(s3_server: StandIn, aws_server: StandIn) -> Stack:
    return made_stack(s3_server, aws_server)


@pytest.fixture(scope="module")
def worker(stack: Stack) -> Iterator[FunctionProcess]:
    variables = {**stack.variables, "POWERTOOLS_SERVICE_NAME": "work"}
    with function("penstock.aws.work_handlers.work", variables) as running:
        yield running


def put_job(stack: Stack, dataset: str) -> Job:
    params = {"dataset": dataset, "query": "", "formats": []}
    job = Job(
        id=new_job_id(),
        tenant="acme",
        user="ada",
        kind="export",
        type="dataset-slice",
        params=params,
        params_hash=hash_of(params),
        size="medium",
        created=utc_now(),
        progress=Progress(seq=1),
    )
    return store_of(stack).add(job, event_of(job, "job.accepted", now=job.created))


def failed_of(worker: FunctionProcess, bodies: list[str]) -> list[str]:
    answer = worker(batch(*bodies))
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def test_of_a_batch_of_ten_the_one_that_fails_comes_again_and_no_other(
    stack: Stack, worker: FunctionProcess
) -> None:
    jobs = [put_job(stack, "conservation-area") for _ in range(TEN)]
    damaged = jobs[4]
    dynamodb = client_of(stack.aws, "dynamodb")
    place = {"place": {"S": job_place(damaged.tenant, damaged.id)}, "part": {"S": JOB}}
    good = dynamodb.get_item(TableName=stack.jobs_table, Key=place)["Item"]
    dynamodb.put_item(TableName=stack.jobs_table, Item={**good, "body": {"B": b"no such thing"}})
    bodies = [body_of(message_of(job)) for job in jobs]
    assert failed_of(worker, bodies) == ["4"]
    dynamodb.put_item(TableName=stack.jobs_table, Item=good)
    assert failed_of(worker, [bodies[4]]) == []
    for job in jobs:
        latest = store_of(stack).get("acme", job.id)
        assert (latest.state, latest.attempt) == ("SUCCEEDED", 1)


def test_of_a_batch_of_ten_what_can_not_be_done_is_buried_at_its_first_receive(
    stack: Stack, worker: FunctionProcess
) -> None:
    jobs = [put_job(stack, "conservation-area") for _ in range(TEN)]
    gone = jobs[6] = put_job(stack, "no-such-dataset")
    bodies = [body_of(message_of(job)) for job in jobs]
    assert failed_of(worker, [*bodies[:2], "{poison", *bodies[2:]]) == []
    # Duplicates, in another order, do nothing more.
    assert failed_of(worker, bodies[::-1]) == []
    for job in jobs:
        latest = store_of(stack).get("acme", job.id)
        wanted = "FAILED" if job is gone else "SUCCEEDED"
        assert (latest.state, latest.attempt) == (wanted, 1)
    letters = SqsDeadLetters(
        client=client_of(stack.aws, "sqs"), url=stack.queues["dead"], wait_seconds=0
    )
    listed = letters.list(limit=10)
    assert sorted(letter.reason.partition(":")[0] for letter in listed) == [
        "permanent",
        "unreadable",
    ]
    assert {letter.message.job_id for letter in listed if letter.message} == {gone.id}
