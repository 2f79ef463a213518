"""Homes of the contract suites of jobs: one entry for each adapter."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path

import pytest
from tests.aws_job_homes import dynamo_records, s3_outputs, sqs_queues, ssm_databases
from tests.job_homes import DatabasesHome, FreshRecords, JobRecords, OpenRecords, Queues
from tests.moving_clock import Clock, SteadyClock

from penstock.local.jobs.database import JobDatabase
from penstock.local.jobs.databases import FileDatabases
from penstock.local.jobs.dead_letters import SqliteDeadLetters
from penstock.local.jobs.events import SqliteJobEvents
from penstock.local.jobs.outputs import FileOutputs
from penstock.local.jobs.queue import SqliteQueue
from penstock.local.jobs.store import SqliteJobStore
from penstock.local.jobs.upkeep import SqliteJobUpkeep
from penstock.local.jobs.used_keys import SqliteUsedKeys
from penstock.model.job import SizeClass
from penstock.model.message import JobMessage
from penstock.ports import Outputs


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["dynamo", "sqlite"])
def fresh_records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FreshRecords]:
    """Homes of jobs, their events and their upkeep."""
    if request.param == "dynamo":
        yield dynamo_records(request.getfixturevalue("aws_server"))
        return
    with ExitStack() as cleanup:
        yield sqlite_records(tmp_path, cleanup)


def sqlite_records(folder: Path, cleanup: ExitStack) -> FreshRecords:
    numbers = count()

    def fresh() -> OpenRecords:
        path = folder / f"jobs-{next(numbers)}.sqlite"

        def connect() -> JobRecords:
            database = cleanup.enter_context(closing(JobDatabase(path)))
            return JobRecords(
                store=SqliteJobStore(database),
                used_keys=SqliteUsedKeys(database),
                events=SqliteJobEvents(database),
                upkeep=SqliteJobUpkeep(database),
            )

        return connect

    return fresh


@pytest.fixture
def is_slow(request: pytest.FixtureRequest) -> bool:
    """Whether a home's stand-in answers so slowly that a long test makes do with less."""
    return bool(request.node.callspec.params["fresh_records"] == "dynamo")


@pytest.fixture
def connect(fresh_records: FreshRecords) -> OpenRecords:
    return fresh_records()


@pytest.fixture
def records(connect: OpenRecords) -> JobRecords:
    return connect()


@pytest.fixture(params=["sqlite", "sqs"])
def queues(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Queues]:
    """The queues of a home."""
    if request.param == "sqs":
        yield sqs_queues(request.getfixturevalue("aws_server"))
        return
    with ExitStack() as cleanup:
        yield sqlite_queues(tmp_path / "jobs.sqlite", clock, cleanup)


@pytest.fixture(params=["files", "s3"])
def outputs(request: pytest.FixtureRequest, tmp_path: Path) -> Outputs:
    """The writing side of an empty store."""
    if request.param == "s3":
        return s3_outputs(request.getfixturevalue("s3_server"))
    return FileOutputs(tmp_path / "store")


@pytest.fixture(params=["file", "ssm"])
def databases(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> DatabasesHome:
    """Databases of tenants, none yet."""
    if request.param == "ssm":
        return ssm_databases(request.getfixturevalue("aws_server"), clock)
    databases = FileDatabases(tmp_path / "databases.json")
    return DatabasesHome(databases=databases, put=databases.put)


def sqlite_queues(path: Path, clock: Clock, cleanup: ExitStack) -> Queues:
    database = cleanup.enter_context(closing(JobDatabase(path)))
    steady = SteadyClock()
    letters = SqliteDeadLetters(database, now=clock)
    queue = SqliteQueue(database, letters=letters, clock=steady, now=clock)

    def arrived(size: SizeClass) -> list[JobMessage]:
        messages = []
        while (received := queue.receive((size,), visible_seconds=60)) is not None:
            messages.append(received.message)
            queue.done(received)
        return messages

    return Queues(
        dispatch=queue,
        letters=letters,
        arrived=arrived,
        wait=steady.wait,
        lay_unreadable=lambda body: letters.lay(body, reason="unreadable"),
    )
