"""Large tables and backups on AWS: an attempt waits, and other functions read the ranges."""

import json
import queue
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.aws_tables import client_of, fresh_name
from tests.flows.function_process import FunctionProcess, function
from tests.flows.map_run import MapRun, definition
from tests.flows.stack_functions import batch
from tests.flows.stack_on_stand_ins import Stack, made_stack
from tests.large_orders import LINES_OF_AN_ORDER, ROWS, large_orders, lose_first_snapshot
from tests.postgres_parts import PostgresDatabase, PostgresServer
from tests.stand_ins import StandIn

from penstock.aws.jobs.ports import job_ports
from penstock.aws.services.clients import Clients
from penstock.exports.job_folder import JobFolder
from penstock.exports.postgres import TableQuery
from penstock.exports.ranges import TableRange
from penstock.jobs.cancel import cancel
from penstock.model.clock import utc_now
from penstock.model.event import event_of
from penstock.model.job import Job, hash_of
from penstock.model.job_id import logged_id, new_job_id
from penstock.model.message import body_of, message_of
from penstock.model.progress import Progress
from penstock.ports import JobPorts
from penstock.reading.result_names import shown_name
from penstock.settings import JobSettings, from_environment

AT_ONCE = 2
RANGES = 3
PART_ROWS = 150_000
"""More than of a range, and fewer than of the larger table."""
PATIENCE_SECONDS = 60
_LOOK_SECONDS = 0.05

Event = Mapping[str, Any]


class Readers:
    """As many environments of RangeFunction as an execution calls at once."""

    def __init__(self, processes: list[FunctionProcess]) -> None:
        self.processes = processes
        self._free: queue.Queue[FunctionProcess] = queue.Queue()
        for process in processes:
            self._free.put(process)

    def __call__(self, event: Event) -> dict[str, Any]:
        process = self._free.get(timeout=PATIENCE_SECONDS)
        try:
            answer: dict[str, Any] = process(event)
        finally:
            self._free.put(process)
        return answer

    def outcomes(self, job: Job) -> list[str]:
        """What came of the ranges of a job, as logged."""
        lines = (line for process in self.processes for line in process.lines("range read"))
        return [str(line["outcome"]) for line in lines if line["job_id"] == logged_id(job.id)]


class Attempt:
    """An attempt at a job in LargeWorkFunction, which may wait for ranges meanwhile."""

    def __init__(self, worker: FunctionProcess, job: Job) -> None:
        self._worker = worker
        self._job = job
        self._failed: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        answer = self._worker(batch(body_of(message_of(self._job))))
        self._failed = [each["itemIdentifier"] for each in answer["batchItemFailures"]]

    @property
    def is_under_way(self) -> bool:
        return self._thread.is_alive()

    def outcome(self) -> str:
        """Wait for its end, and give what came of it."""
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive(), self._worker.log()
        assert self._failed == []
        lines = self._worker.lines("job worked on")
        own = [line["outcome"] for line in lines if line["job_id"] == logged_id(self._job.id)]
        assert own, self._worker.log()
        return str(own[-1])


@dataclass(frozen=True, kw_only=True)
class Home:
    """A stack with a state machine, and the functions that meet there."""

    stack: Stack
    ports: JobPorts
    machine: str
    worker: FunctionProcess
    readers: Readers
    database: PostgresDatabase

    @property
    def states(self) -> Any:
        return client_of(self.stack.aws, "stepfunctions")

    def submit(self, wanted: str = "order-lines") -> Job:
        job = Job(
            id=new_job_id(),
            tenant="acme",
            user="ada",
            kind="export",
            type=wanted,
            params={},
            params_hash=hash_of({}),
            size="large",
            created=utc_now(),
            progress=Progress(seq=1),
        )
        return self.ports.store.add(job, event_of(job, "job.accepted", now=job.created))

    def latest(self, job: Job) -> Job:
        return self.ports.store.get(job.tenant, job.id)

    def begin(self, job: Job) -> Attempt:
        return Attempt(self.worker, job)

    def run_of(self, job: Job, attempt: Attempt, *, token: int = 1) -> tuple[str, MapRun]:
        """Wait for the execution of an attempt; give its name, and what it is to do."""
        latest = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < latest and attempt.is_under_way:
            for each in self.states.list_executions(stateMachineArn=self.machine)["executions"]:
                if each["name"] == f"{job.id}-{token}":
                    arn = str(each["executionArn"])
                    begun = self.states.describe_execution(executionArn=arn)
                    return arn, MapRun(definition(), json.loads(begun["input"]))
            time.sleep(_LOOK_SECONDS)
        raise AssertionError(self.worker.log())

    def status(self, execution: str) -> str:
        return str(self.states.describe_execution(executionArn=execution)["status"])

    def fail(self, execution: str) -> None:
        """End an execution, as Step Functions does once an item has failed."""
        self.states.stop_execution(executionArn=execution)

    def files(self, job: Job) -> list[str]:
        prefix = f"{job.tenant}/{job.folder}/"
        found = client_of(self.stack.s3, "s3").list_objects_v2(
            Bucket=self.stack.bucket, Prefix=prefix
        )
        return sorted(each["Key"].removeprefix(prefix) for each in found.get("Contents", []))

    def table(self, job: Job, names: Iterable[str]) -> pa.Table:
        contents = [
            self.ports.outputs.read(job.tenant, f"{job.folder}/{name}", max_bytes=1 << 30)
            for name in names
        ]
        return pa.concat_tables(pq.read_table(pa.BufferReader(each)) for each in contents)

    def artifacts(self, job: Job) -> list[str]:
        """Name the files of a job that ended well; nothing is there beside them."""
        ended = self.latest(job)
        assert ended.state == "SUCCEEDED"
        names = [one.part for one in ended.artifacts]
        assert self.files(job) == sorted(["manifest.json", *names])
        return names

    def assert_result(self, job: Job) -> None:
        """All rows are there once, in their order, and nothing beside them."""
        assert_lines(self.table(job, self.artifacts(job)))
        assert self.latest(job).high_water == ROWS

    def assert_backup(self, job: Job) -> None:
        """All rows of all tables are there once, and the list names the files."""
        first, *files = self.artifacts(job)
        shown = {shown_name(name): name for name in files}
        assert sorted(shown) == [
            "file-customer_order.parquet",
            *(f"file-order_line-{number}-of-3.parquet" for number in (1, 2, 3)),
        ]
        listed = self.table(job, [first])
        assert listed["file"].to_pylist() == sorted(shown)
        assert listed["table"].to_pylist() == ["customer_order", *["order_line"] * 3]
        orders, *lines = (shown[name] for name in sorted(shown))
        assert self.table(job, [orders])["id"].to_pylist() == [
            *range(1, ROWS // LINES_OF_AN_ORDER + 1)
        ]
        assert_lines(self.table(job, lines))
        assert self.latest(job).high_water == ROWS + ROWS // LINES_OF_AN_ORDER


def assert_lines(table: pa.Table) -> None:
    """These are all order lines, each once, in their order."""
    keys = list(zip(table["order_id"].to_pylist(), table["line"].to_pylist(), strict=True))
    assert len(keys) == ROWS
    assert keys == sorted(set(keys))


@pytest.fixture(scope="module")
def home(s3_server: StandIn, aws_server: StandIn, postgres: PostgresServer) -> Iterator[Home]:
    stack = made_stack(s3_server, aws_server)
    machine = client_of(aws_server, "stepfunctions").create_state_machine(
        name=fresh_name("ranges"),
        definition=json.dumps(definition()),
        roleArn="arn:aws:iam::123456789012:role/ranges",
    )["stateMachineArn"]
    variables = {
        **stack.variables,
        "PENSTOCK_EXPORT_READERS": str(AT_ONCE),
        "PENSTOCK_EXPORT_PART_ROWS": str(PART_ROWS),
        "PENSTOCK_RANGES_MACHINE": machine,
        "POWERTOOLS_SERVICE_NAME": "work",
    }
    with ExitStack() as running:
        database = running.enter_context(large_orders(postgres))
        client_of(aws_server, "ssm").put_parameter(
            Name=f"/penstock/{stack.environment}/tenants/acme/postgres",
            Value=database.connection_string,
            Type="SecureString",
        )
        patched = running.enter_context(pytest.MonkeyPatch.context())
        for name, value in variables.items():
            patched.setenv(name, value)
        worker, *readers = (
            running.enter_context(function(f"penstock.aws.{handler}", variables))
            for handler in ("work_handlers.work", *["range_handler.read"] * AT_ONCE)
        )
        yield Home(
            stack=stack,
            ports=job_ports(from_environment(JobSettings), Clients()),
            machine=machine,
            worker=worker,
            readers=Readers(readers),
            database=database,
        )


def test_a_table_is_read_by_as_many_functions_as_may_be(home: Home) -> None:
    job = home.submit()
    attempt = home.begin(job)
    execution, run = home.run_of(job, attempt)
    assert run.at_once == AT_ONCE
    assert len(list(run.items())) == RANGES
    assert run.all(home.readers)
    assert attempt.outcome() == "succeeded"
    home.assert_result(job)
    assert home.readers.outcomes(job) == ["read"] * RANGES
    # Nothing but names and numbers goes through Step Functions.
    said = home.states.describe_execution(executionArn=execution)["input"]
    assert "SELECT" not in said
    for process in (home.worker, *home.readers.processes):
        assert home.database.connection_string not in process.log()
        assert "SELECT" not in process.log()


@pytest.mark.parametrize("wanted", ["order-lines", "tenant-backup"])
def test_a_range_that_is_asked_for_twice_is_in_the_result_once(home: Home, wanted: str) -> None:
    job = home.submit(wanted)
    attempt = home.begin(job)
    _, run = home.run_of(job, attempt)
    first, *others = run.items()
    for _ in range(2):
        assert run.one(first, home.readers)
    for item in others:
        assert run.one(item, home.readers)
    assert attempt.outcome() == "succeeded"
    # One that comes late finds nothing to do, and harms nothing.
    assert not run.one(first, home.readers)
    if wanted == "tenant-backup":
        home.assert_backup(job)
    else:
        home.assert_result(job)


def test_a_backups_snapshot_that_is_lost_has_the_attempt_begin_anew(home: Home) -> None:
    job = home.submit("tenant-backup")
    attempt = home.begin(job)
    execution, run = home.run_of(job, attempt)
    first, *others = run.items()
    assert run.one(first, home.readers)
    lose_first_snapshot(home.database)
    assert not run.one(others[0], home.readers)
    home.fail(execution)
    assert attempt.outcome() == "retried"
    assert home.files(job) == []
    again = home.begin(job)
    _, run = home.run_of(job, again, token=home.latest(job).fencing_token + 1)
    assert run.all(home.readers)
    assert again.outcome() == "succeeded"
    home.assert_backup(job)


@pytest.mark.parametrize("wanted", ["order-lines", "tenant-backup"])
def test_a_job_that_is_cancelled_in_the_midst_leaves_nothing(home: Home, wanted: str) -> None:
    job = home.submit(wanted)
    attempt = home.begin(job)
    execution, run = home.run_of(job, attempt)
    first, second, third, *_ = run.items()
    assert run.one(first, home.readers)
    cancel(home.ports, home.latest(job), now=utc_now())
    assert not run.one(second, home.readers)
    assert attempt.outcome() == "cancelled"
    assert home.status(execution) == "ABORTED"
    assert not run.one(third, home.readers)
    assert home.latest(job).state == "CANCELLED"
    assert home.files(job) == []
    assert sorted(home.readers.outcomes(job)) == ["left", "left", "read"]


def test_a_snapshot_that_is_lost_has_the_attempt_begin_anew(home: Home) -> None:
    job = home.submit()
    attempt = home.begin(job)
    execution, run = home.run_of(job, attempt)
    lose_first_snapshot(home.database)
    assert not run.all(home.readers)
    home.fail(execution)
    assert attempt.outcome() == "retried"
    error = home.latest(job).error
    assert error is not None
    assert "snapshot was lost" in error.message
    again = home.begin(job)
    _, run = home.run_of(job, again, token=home.latest(job).fencing_token + 1)
    assert run.all(home.readers)
    assert again.outcome() == "succeeded"
    home.assert_result(job)


def test_an_execution_that_ends_without_answers_has_the_attempt_begin_anew(home: Home) -> None:
    job = home.submit()
    attempt = home.begin(job)
    execution, _ = home.run_of(job, attempt)
    home.fail(execution)
    assert attempt.outcome() == "retried"
    error = home.latest(job).error
    assert error is not None
    assert "could not be read" in error.message


def test_a_reader_leaves_once_its_range_is_not_wanted_any_more(home: Home) -> None:
    """It looks at the job's row by itself: nobody could tell it."""
    job = home.submit()
    claimed = job.claimed(owner="test", now=utc_now())
    store = home.ports.store
    store.advance(claimed, was_version=job.version, fencing_token=job.fencing_token)
    place = JobFolder.of(home.ports.outputs, claimed)
    # A row takes a twentieth of a second, and all of them some minutes.
    slow = "SELECT n AS order_id, pg_sleep(0.05)::text AS slept FROM generate_series(1, 6000) AS n"
    with home.database.snapshot() as held:
        wanted = TableRange(number=0, snapshot=held.name, query=TableQuery(sql=slow))
        place.write(place.ranges(), [json.dumps([wanted.described()]).encode()])
        event = {"tenant": job.tenant, "job_id": job.id, "token": 1, "number": 0}
        said: list[Event] = []
        reading = threading.Thread(target=lambda: said.append(home.readers(event)), daemon=True)
        reading.start()
        await_query(home.database, "pg_sleep")
        over = claimed.cancelling(now=utc_now())
        store.advance(over, was_version=claimed.version, fencing_token=claimed.fencing_token)
        reading.join(PATIENCE_SECONDS)
    assert said == [{"outcome": "left"}]
    assert home.files(job) == [place.ranges()]


def await_query(database: PostgresDatabase, what: str) -> None:
    """Wait until the server works on a query with this in it."""
    asked = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        f" AND state = 'active' AND pid <> pg_backend_pid() AND query LIKE '%COPY%{what}%'"
    )
    latest = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < latest:
        if database.fetch(asked) != [(0,)]:
            return
        time.sleep(_LOOK_SECONDS)
    raise AssertionError(what)
