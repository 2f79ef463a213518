"""Large tables read by several processes: the same rows, whatever happens to one of them."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.export_parts import TENANT, ExportHouse, export_house
from tests.large_orders import ROWS, large_orders, lose_first_snapshot
from tests.postgres_parts import PostgresDatabase, PostgresServer
from tests.range_processes import await_end_of, readers_of

from penstock.exports import all_types
from penstock.exports.declaration import DatabaseSource
from penstock.exports.limits import ExportLimits
from penstock.exports.resources import ExportResources
from penstock.jobs.cancel import cancel
from penstock.jobs.rules import JobRules
from penstock.jobs.run import RunOutcome
from penstock.jobs.submit import Submission, submit
from penstock.jobs.sweep import Sweeper
from penstock.local.compose import work_commands
from penstock.local.home_layout import databases_path
from penstock.local.jobs.databases import FileDatabases
from penstock.local.jobs.ports import LocalJobs, local_jobs
from penstock.local.jobs.range_pool import RangePool
from penstock.local.opened_store import ServedPath
from penstock.local.supervise import Supervisor
from penstock.model.job import Job
from penstock.ports import RangeRead, RangesRequest
from penstock.settings import Settings

SMALL_RANGES = ExportLimits(range_rows=1_000)
PATIENCE_SECONDS = 120


@pytest.fixture
def house(tmp_path: Path, demo: PostgresDatabase) -> Iterator[ExportHouse]:
    with export_house(tmp_path) as opened:
        connect(opened, tmp_path, demo)
        yield opened


def connect(house: ExportHouse, home: Path, database: PostgresDatabase) -> None:
    """Have the tenant's database be this one, for the house and for processes of its home."""
    house.databases[TENANT] = database.connection_string
    FileDatabases(databases_path(home)).put(TENANT, database.connection_string)


@dataclass
class Meddling:
    """Readers of ranges beside which something happens once the first rows are read."""

    inner: RangePool
    meddle: Callable[[], None]
    at_once: int = field(init=False)
    has_begun: bool = False

    def __post_init__(self) -> None:
        self.at_once = self.inner.at_once

    def read(
        self,
        wanted: RangesRequest,
        *,
        cancelled: Callable[[], bool],
        told: Callable[[int, int], None],
    ) -> list[RangeRead]:
        def heard(rows: int, size_bytes: int) -> None:
            if not self.has_begun:
                self.has_begun = True
                self.meddle()
            told(rows, size_bytes)

        return self.inner.read(wanted, cancelled=cancelled, told=heard)


def sources_of(
    house: ExportHouse,
    home: Path,
    *,
    at_once: int = 2,
    limits: ExportLimits = SMALL_RANGES,
    meddle: Callable[[], None] = lambda: None,
) -> ExportResources:
    pool = RangePool(home=home, has_demo=False, limits=limits, at_once=at_once)
    return replace(house.sources, range_readers=Meddling(pool, meddle), limits=limits)


def whole(house: ExportHouse) -> pa.Table:
    """The table as its worker alone reads it."""
    return house.table(house.exported("order-lines", {}))


def assert_result(house: ExportHouse, job: Job, expected: pa.Table) -> None:
    """The job's result holds these rows in this order, and nothing else is left of the job."""
    job = house.jobs.latest(job)
    assert job.state == "SUCCEEDED"
    assert house.table(job).equals(expected)
    assert job.progress.done == job.high_water == expected.num_rows
    assert house.jobs.files(job) == sorted(["manifest.json", *(a.part for a in job.artifacts)])
    assert readers_of(os.getpid()) == []


def begun_anew(
    house: ExportHouse, home: Path, meddle: Callable[[], None]
) -> tuple[Job, RunOutcome]:
    """Have something happen in the midst of an attempt, which is then followed by a good one."""
    job = house.submit("order-lines", {})
    ran = house.run(sources=sources_of(house, home, meddle=meddle))
    assert ran.outcome == "retried"
    assert house.run(sources=sources_of(house, home)).outcome == "succeeded"
    assert house.jobs.latest(job).attempt == 2
    return job, ran


@pytest.mark.parametrize("at_once", [2, 3])
def test_a_table_that_processes_read_is_the_table_that_one_reads(
    house: ExportHouse, tmp_path: Path, at_once: int
) -> None:
    expected = whole(house)
    job = house.submit("order-lines", {})
    limits = replace(SMALL_RANGES, part_rows=1_000)
    ran = house.run(sources=sources_of(house, tmp_path, at_once=at_once, limits=limits))
    assert ran.outcome == "succeeded", ran.fault
    assert_result(house, job, expected)
    ranges = {one.part.split("-")[2][:2] for one in house.jobs.latest(job).artifacts}
    assert ranges == {f"{number:02}" for number in range(4 * at_once)}


def test_rows_that_come_meanwhile_are_in_no_range(
    house: ExportHouse, tmp_path: Path, demo: PostgresDatabase
) -> None:
    expected = whole(house)
    job = house.submit("order-lines", {})

    def add() -> None:
        demo.execute("UPDATE order_line SET quantity = quantity + 1")

    try:
        assert house.run(sources=sources_of(house, tmp_path, meddle=add)).outcome == "succeeded"
    finally:
        demo.execute("UPDATE order_line SET quantity = quantity - 1")
    assert_result(house, job, expected)


def test_every_large_type_has_a_key_to_split_it_by(house: ExportHouse, tmp_path: Path) -> None:
    names = [
        name
        for name, one in all_types().items()
        if one.size == "large" and isinstance(one.source, DatabaseSource)
    ]
    assert names
    limits = ExportLimits(range_rows=10)
    for name in names:
        job = house.submit(name, {})
        ran = house.run(sources=sources_of(house, tmp_path, limits=limits))
        assert ran.outcome == "succeeded", (name, ran.fault)
        assert len(house.jobs.latest(job).artifacts) > 1


def test_few_rows_are_read_by_the_worker_alone(house: ExportHouse, tmp_path: Path) -> None:
    job = house.submit("order-lines", {"customer_id": 7})
    begun: list[bool] = []
    sources = sources_of(house, tmp_path, meddle=lambda: begun.append(True))
    assert house.run(sources=sources).outcome == "succeeded"
    assert begun == []
    assert [one.part for one in house.jobs.latest(job).artifacts] == ["part-000001-00000.parquet"]


def test_a_process_that_is_killed_has_the_attempt_begin_anew(
    house: ExportHouse, tmp_path: Path
) -> None:
    expected = whole(house)
    job, ran = begun_anew(
        house, tmp_path, lambda: os.kill(readers_of(os.getpid())[0], signal.SIGKILL)
    )
    assert "ended before it had" in str(ran.fault)
    assert_result(house, job, expected)


def test_a_snapshot_that_is_lost_has_the_attempt_begin_anew(
    house: ExportHouse, tmp_path: Path, demo: PostgresDatabase
) -> None:
    expected = whole(house)
    job, ran = begun_anew(house, tmp_path, lambda: lose_first_snapshot(demo))
    assert "snapshot was lost" in str(ran.fault)
    assert_result(house, job, expected)


def test_what_a_range_fails_with_is_what_the_job_fails_with(
    house: ExportHouse, tmp_path: Path, demo: PostgresDatabase
) -> None:
    job = house.submit("order-lines", {})
    place = "ctid = (SELECT max(ctid) FROM order_line)"
    ((amount,),) = demo.fetch(f"SELECT amount FROM order_line WHERE {place}")
    demo.execute(f"UPDATE order_line SET amount = 'NaN' WHERE {place}")
    try:
        ran = house.run(sources=sources_of(house, tmp_path))
    finally:
        demo.execute(f"UPDATE order_line SET amount = {amount} WHERE amount = 'NaN'")
    assert ran.outcome == "failed"
    failed = house.jobs.latest(job)
    assert failed.error is not None
    assert "“amount” (numeric) holds NaN" in failed.error.message
    assert house.jobs.files(job) == []
    assert readers_of(os.getpid()) == []


def test_a_job_that_is_cancelled_in_the_midst_leaves_nothing(
    house: ExportHouse, tmp_path: Path
) -> None:
    job = house.submit("order-lines", {})

    def ask() -> None:
        cancel(house.jobs.ports, house.jobs.latest(job), now=house.jobs.now)

    sources = sources_of(house, tmp_path, limits=replace(SMALL_RANGES, part_rows=1_000), meddle=ask)
    assert house.run(sources=sources).outcome == "cancelled"
    assert house.jobs.latest(job).state == "CANCELLED"
    assert house.jobs.files(job) == []
    assert readers_of(os.getpid()) == []


def test_a_worker_that_is_stopped_stops_its_processes(house: ExportHouse, tmp_path: Path) -> None:
    expected = whole(house)
    job = house.submit("order-lines", {})
    stopping = threading.Event()
    ran = house.run(
        sources=sources_of(house, tmp_path, meddle=stopping.set), is_stopping=stopping.is_set
    )
    assert ran.outcome == "returned"
    assert readers_of(os.getpid()) == []
    assert house.run(sources=sources_of(house, tmp_path)).outcome == "succeeded"
    assert_result(house, job, expected)


def test_no_connection_string_stands_where_others_could_read_it(
    house: ExportHouse, tmp_path: Path, postgres: PostgresServer
) -> None:
    seen: list[bytes] = []

    def look() -> None:
        for pid in readers_of(os.getpid()):
            place = Path(f"/proc/{pid}")
            seen.extend((place / name).read_bytes() for name in ("cmdline", "environ"))

    house.submit("order-lines", {})
    assert house.run(sources=sources_of(house, tmp_path, meddle=look)).outcome == "succeeded"
    assert len(seen) == 4
    assert not any(postgres.secret.encode() in each for each in seen)


# A worker that dies.


def submitted(jobs: LocalJobs) -> Job:
    wanted = Submission(
        tenant=TENANT, user="ada", kind="export", type="order-lines", params={}, size="large"
    )
    return submit(jobs.ports, wanted, now=datetime.now(UTC))


def worked(home: Path, how: str) -> "subprocess.CompletedProcess[str]":
    """Work on what there is, in a process that lives, or dies in the midst of reading."""
    return subprocess.run(
        [sys.executable, "-m", "tests.flows.dying_range_worker", str(home), how],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def hand_on_dead(jobs: LocalJobs) -> None:
    """Do what a service does when a worker has died."""
    sweeper = Sweeper(
        ports=jobs.ports,
        rules=JobRules(),
        observer="test",
        seconds=lambda: 0.0,
        now=lambda: datetime.now(UTC),
    )
    Supervisor(
        commands=work_commands(Settings(), ServedPath()),
        queue=jobs.queue,
        sweeper=sweeper,
        sweep_seconds=30,
        woken=threading.Event(),
        report=lambda _: None,
    ).hand_on_dead()


def test_no_process_outlives_a_worker_that_is_killed_and_its_job_ends_well(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    with large_orders(postgres) as database, local_jobs(tmp_path) as jobs:
        FileDatabases(databases_path(tmp_path)).put(TENANT, database.connection_string)
        job = submitted(jobs)
        died = worked(tmp_path, "die")
        assert died.returncode == -signal.SIGKILL
        readers = [int(pid) for pid in died.stdout.split()]
        assert len(readers) == 2
        assert await_end_of(readers)
        assert jobs.ports.store.get(TENANT, job.id).state == "RUNNING"

        hand_on_dead(jobs)
        assert worked(tmp_path, "live").returncode == 0
        ended = jobs.ports.store.get(TENANT, job.id)
        assert (ended.state, ended.attempt) == ("SUCCEEDED", 2)
        folder = tmp_path / "store" / TENANT / job.folder
        names = sorted(path.name for path in folder.iterdir())
        assert names == sorted(["manifest.json", *(one.part for one in ended.artifacts)])
        assert len(ended.artifacts) == 3
        table = pa.concat_tables(pq.read_table(folder / one.part) for one in ended.artifacts)
        keys = list(zip(table["order_id"].to_pylist(), table["line"].to_pylist(), strict=True))
        assert len(keys) == ROWS
        assert keys == sorted(set(keys))
