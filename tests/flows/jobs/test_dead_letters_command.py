"""`penstock dead-letters` as people run it, in a home folder and in a stack."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pyarrow as pa
import pytest
from tests.aws_job_homes import fresh_queue, received
from tests.aws_tables import client_of, fresh_name, make_jobs_table
from tests.flows.bounded import bounded
from tests.flows.service import serving
from tests.flows.tenant_homes import add_key, add_tenant, store
from tests.job_homes import a_job, told
from tests.stand_ins import StandIn
from typer.testing import CliRunner, Result

from penstock.aws.jobs.administration import (
    BUCKET_PARAMETER,
    DEAD_LETTERS_PARAMETER,
    JOBS_TABLE_PARAMETER,
    OWN_QUEUES_PATH,
    QUEUE_PARAMETERS,
)
from penstock.aws.jobs.dead_letters import SqsDeadLetters
from penstock.aws.jobs.queue import SqsDispatch
from penstock.aws.jobs.store import DynamoJobStore
from penstock.aws.services.dynamo_table import DynamoTable
from penstock.cli import app
from penstock.client.commands.jobs import show_job
from penstock.client.commands.session import JobOptions
from penstock.errors import SetupError
from penstock.jobs.cancel import discard
from penstock.local.jobs.dead_letters import SqliteDeadLetters
from penstock.local.jobs.ports import local_jobs
from penstock.model.fault import JobFault
from penstock.model.job import Job
from penstock.model.message import message_from, message_of
from penstock.model.tenant import Tenant
from penstock.ports import DeadLetters, Dispatch, JobStore

REASON = "gone: The database is gone."
FAULT = JobFault(code="gone", kind="permanent", message="The database is gone.", retryable=False)
ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A home of jobs: the options that name it, and what is in it."""

    options: list[str]
    store: JobStore
    dispatch: Dispatch
    letters: DeadLetters
    lay: Callable[[str], None]
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str) -> Result:
        kept = {name: None for name in os.environ if name.startswith("AWS_")}
        return CliRunner().invoke(
            app,
            ["dead-letters", *arguments, *self.options],
            env=kept | {"NO_COLOR": "1", "COLUMNS": "200"} | self.variables,
        )

    def told(self, *arguments: str) -> str:
        """Run a command that succeeds and give what it prints."""
        ran = self.run(*arguments)
        assert (ran.exit_code, ran.stderr) == (0, "")
        return ran.stdout

    def fault(self, *arguments: str) -> str:
        """Run a command that fails and give the one line that says why."""
        ran = self.run(*arguments)
        assert isinstance(ran.exception, SetupError)
        assert ran.stdout == ""
        return ran.exception.detail

    def failed(self, job: Job | None = None) -> Job:
        """Store a job that failed for good, with its dead letter."""
        now = datetime.now(UTC)
        job = a_job(created=now) if job is None else job
        self.store.add(job, told(job))
        self.store.advance(
            failed := job.failed(FAULT, now=now), was_version=job.version, fencing_token=0
        )
        self.dispatch.bury(message_of(failed), reason=REASON)
        return failed

    def ids(self) -> list[str]:
        """Give the ids of the dead letters that are listed, the oldest first."""
        return [each["id"] for each in json.loads(self.told("list", "--json"))]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Place]:
    home = tmp_path / "home"
    home.mkdir()
    with local_jobs(home) as jobs:
        letters = jobs.ports.letters
        assert isinstance(letters, SqliteDeadLetters)
        yield Place(
            options=["--home", str(home)],
            store=jobs.store,
            dispatch=jobs.ports.dispatch,
            letters=letters,
            lay=lambda body: letters.lay(body, reason="unreadable"),
        )


@pytest.fixture
def stack(aws_server: StandIn) -> Place:
    environment, table = fresh_name("prod"), fresh_name("jobs")
    ssm, sqs, dynamodb = (client_of(aws_server, each) for each in ("ssm", "sqs", "dynamodb"))
    make_jobs_table(dynamodb, name=table)
    queues = {size: fresh_queue(sqs, size) for size in QUEUE_PARAMETERS}
    dead = fresh_queue(sqs, "dead")
    named = {JOBS_TABLE_PARAMETER: table, DEAD_LETTERS_PARAMETER: dead, BUCKET_PARAMETER: "none"}
    named |= {QUEUE_PARAMETERS[size]: url for size, url in queues.items()}
    for name, value in named.items():
        ssm.put_parameter(Name=f"/penstock/{environment}/{name}", Value=value, Type="String")
    return Place(
        options=["--aws", environment],
        store=DynamoJobStore(DynamoTable(dynamodb, table)),
        dispatch=SqsDispatch(client=sqs, queues=queues, dead_letters=dead),
        letters=SqsDeadLetters(client=sqs, url=dead, wait_seconds=0),
        lay=lambda body: sqs.send_message(QueueUrl=dead, MessageBody=body),
        variables=aws_server.variables,
    )


@pytest.fixture(params=["folder", "stack"])
def place(request: pytest.FixtureRequest) -> Place:
    place: Place = request.getfixturevalue(request.param)
    return place


def test_dead_letters_are_listed_with_their_job_and_reason(place: Place) -> None:
    assert place.told("list") == "There are no dead letters.\n"
    job = place.failed()
    heading, line = place.told("list").splitlines()
    assert heading.split() == ["ID", "AGE", "TENANT", "TYPE", "JOB", "REASON"]
    assert line.endswith(f"acme    customers  {job.id}  {REASON}")
    (described,) = json.loads(place.told("list", "--json"))
    assert described["message"]["job_id"] == job.id
    assert described["reason"] == REASON
    assert len(place.letters.list(limit=9)) == 1


def test_a_dead_letter_is_shown_with_its_job_as_it_is(place: Place) -> None:
    job = place.failed()
    (letter_id,) = place.ids()
    shown = place.told("show", letter_id)
    lines = {line.split()[0]: line for line in shown.splitlines()}
    assert lines["state"].endswith("FAILED")
    assert lines["job"].endswith(job.id)
    assert lines["error"].endswith("The database is gone. (gone)")
    assert '{"since": "2024-01-01"}' in lines["params"]
    document = json.loads(place.told("show", letter_id, "--json"))
    assert document["job"]["state"] == "FAILED"
    assert "There is no dead letter “nothing”." in place.fault("show", "nothing")


def test_a_job_is_redriven_with_all_its_attempts(folder: Place) -> None:
    job = folder.failed()
    (letter_id,) = folder.ids()
    assert f"job {job.id} (customers) is QUEUED again" in folder.told("redrive", letter_id)
    now = folder.store.get(job.tenant, job.id)
    assert (now.state, now.attempt, now.error) == ("QUEUED", 0, None)
    assert folder.letters.list(limit=9) == []
    assert "There is no dead letter" in folder.fault("redrive", letter_id)


def test_all_are_redriven_but_those_that_cannot_be(place: Place) -> None:
    jobs = [place.failed() for _ in range(3)]
    place.lay("\x1b[2J no message")
    forgotten = replace(a_job(), tenant="brook")
    place.dispatch.bury(message_of(forgotten), reason=REASON)
    ran = place.run("redrive", "--all")
    assert (ran.exit_code, ran.stderr) == (1, "")
    assert ran.stdout.count("is QUEUED again") == 3
    assert ran.stdout.count(" stays: ") == 2
    assert "can only be discarded" in ran.stdout
    assert "was deleted, or is kept no longer" in ran.stdout
    assert {place.store.get(job.tenant, job.id).state for job in jobs} == {"QUEUED"}
    assert len(place.letters.list(limit=9)) == 2
    assert "\x1b" not in place.told("list")
    for letter_id in place.ids():
        assert "is gone" in place.told("discard", letter_id)
    assert place.told("redrive", "--all") == "There are no dead letters.\n"


def test_the_letter_of_a_job_that_was_deleted_says_what_is_left_to_do(folder: Place) -> None:
    job = folder.failed()
    (letter_id,) = folder.ids()
    with local_jobs(Path(folder.options[1])) as jobs:
        discard(jobs.ports, job, now=datetime.now(UTC))
    fault = folder.fault("redrive", letter_id)
    assert f"penstock dead-letters discard {letter_id}" in fault
    assert folder.ids() == [letter_id]
    folder.told("discard", letter_id)
    assert folder.ids() == []


def test_a_redriven_job_goes_to_its_tenants_own_queue(stack: Place, aws_server: StandIn) -> None:
    ssm, sqs = (client_of(aws_server, each) for each in ("ssm", "sqs"))
    own = fresh_queue(sqs, "own")
    name = f"/penstock/{stack.options[1]}/{OWN_QUEUES_PATH}/acme"
    ssm.put_parameter(Name=name, Value=own, Type="String")
    job = stack.failed()
    stack.told("redrive", "--all")
    assert [message_from(body) for body in received(sqs, own)] == [message_of(job)]


def test_a_job_that_was_redriven_before_is_left_alone(folder: Place) -> None:
    job = folder.failed()
    folder.dispatch.bury(message_of(job), reason=REASON)
    first, second = folder.ids()
    folder.told("redrive", first)
    assert "its state is QUEUED" in folder.fault("redrive", second)
    assert f"{second} is gone: {REASON}" in folder.told("discard", second)
    assert folder.store.get(job.tenant, job.id).state == "QUEUED"


def test_a_discarded_letter_leaves_its_job_failed(folder: Place) -> None:
    job = folder.failed()
    (letter_id,) = folder.ids()
    folder.told("discard", letter_id)
    assert folder.letters.list(limit=9) == []
    assert folder.store.get(job.tenant, job.id).state == "FAILED"
    assert "There is no dead letter" in folder.fault("discard", letter_id)


def test_a_letter_tells_how_old_it_is_and_no_more_than_a_line(folder: Place) -> None:
    job = a_job(created=datetime.now(UTC) - timedelta(days=2))
    folder.store.add(job, told(job))
    folder.dispatch.bury(message_of(job), reason="first line\nsecond line " + "x" * 500)
    _, line = folder.told("list").splitlines()
    assert "first line second line xxx" in line
    assert line.endswith("x…")


def test_without_jobs_a_stack_says_which_name_is_missing(stack: Place) -> None:
    other = replace(stack, options=["--aws", fresh_name("other")])
    assert JOBS_TABLE_PARAMETER in other.fault("list")


@pytest.mark.parametrize("arguments", [["redrive"], ["redrive", "1", "--all"], ["show"], []])
def test_what_is_asked_wrongly_is_a_usage_error(arguments: list[str], folder: Place) -> None:
    ran = folder.run(*arguments) if arguments else folder.run("--nothing")
    assert ran.exit_code == 2
    assert "Usage" in ran.stderr


def penstock(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "penstock", "dead-letters", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_redriven_job_is_worked_on_by_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    add_tenant(home, Tenant(id="acme", hosts=("localhost",)))
    store(home, "acme", "area", pa.table({"n": range(100)}))
    with serving(None, home=home, workers=0) as service:
        key = add_key(service.resources, "acme")
        body = {"type": "dataset-slice", "params": {"dataset": "area", "query": "n__gte=40"}}
        answer = httpx.post(f"{service.url}/v1/exports", json=body, headers={"x-api-key": key})
        assert answer.status_code == 202
        job_id = answer.json()["id"]
    with local_jobs(home) as jobs:
        job = jobs.store.get("acme", job_id)
        failed = job.failed(FAULT, now=datetime.now(UTC))
        jobs.store.advance(failed, was_version=job.version, fencing_token=job.fencing_token)
        jobs.ports.dispatch.bury(message_of(failed), reason=REASON)
    ran = penstock("redrive", "nothing", "--home", str(home))
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == "penstock: There is no dead letter “nothing”.\n"
    ran = penstock("redrive", "--all", "--home", str(home))
    assert ran.returncode == 0, ran.stderr
    assert ULID.search(ran.stdout)
    monkeypatch.setenv("PENSTOCK_KEY", key)
    with serving(None, home=home, workers=1) as service, bounded():
        out = str(tmp_path / "area.csv")
        assert show_job(job_id, asked=JobOptions(url=service.url, quiet=True), output=out) == 0
    assert len((tmp_path / "area.csv").read_text().splitlines()) == 61
