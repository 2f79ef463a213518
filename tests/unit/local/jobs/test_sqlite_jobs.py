"""What jobs in SQLite promise beyond their ports: changes, processes and crashes."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO

import pytest
from tests.job_homes import (
    JobRecords,
    a_job,
    added,
    claimed,
    moved,
    progress_of,
)
from tests.moving_clock import START

from penstock.errors import StaleJobError
from penstock.local.jobs.database import JobDatabase
from penstock.local.jobs.events import SqliteJobEvents
from penstock.local.jobs.store import SqliteJobStore
from penstock.local.jobs.upkeep import SqliteJobUpkeep
from penstock.local.jobs.used_keys import SqliteUsedKeys
from penstock.ports import JobFilter

ROOT = Path(__file__).parents[4]
PATIENCE_SECONDS = 60

ADDING = """
import sys
from pathlib import Path
from tests.job_homes import a_job, in_threads, told
from penstock.local.jobs.database import JobDatabase
from penstock.local.jobs.store import SqliteJobStore

store = SqliteJobStore(JobDatabase(Path(sys.argv[1])))
given = []

def add():
    for _ in range(5):
        job = a_job(key="one key")
        given.append(store.add(job, told(job)).id)

print("ready", flush=True)
sys.stdin.readline()
in_threads([add] * 5)
print(*given, flush=True)
"""

WRITING = """
import sys
from pathlib import Path
from tests.job_homes import JobRecords, a_job, a_message, added, claimed, moved, progress_of
from tests.moving_clock import START, Clock, SteadyClock
from penstock.local.jobs.dead_letters import SqliteDeadLetters
from penstock.local.jobs.database import JobDatabase
from penstock.local.jobs.events import SqliteJobEvents
from penstock.local.jobs.upkeep import SqliteJobUpkeep
from penstock.local.jobs.used_keys import SqliteUsedKeys
from penstock.local.jobs.store import SqliteJobStore
from penstock.local.jobs.queue import SqliteQueue
from penstock.model.message import message_of

database = JobDatabase(Path(sys.argv[1]))
records = JobRecords(
    store=SqliteJobStore(database),
    used_keys=SqliteUsedKeys(database),
    events=SqliteJobEvents(database),
    upkeep=SqliteJobUpkeep(database),
)
letters = SqliteDeadLetters(database, now=Clock())
queue = SqliteQueue(database, letters=letters, clock=SteadyClock(), now=Clock())
while True:
    job = added(records)
    print("ACCEPTED", job.id, flush=True)
    queue.send(message_of(job))
    received = queue.receive(("small",), visible_seconds=60)
    job = claimed(records, job)
    print("RUNNING", job.id, flush=True)
    for counter in (1, 2):
        job = records.store.report(
            "acme", job.id, progress_of(job, counter, counter=counter), fencing_token=1, now=START
        )
    job = moved(records, job, job.succeeded((), now=START, expires_at=START), "job.succeeded")
    print("SUCCEEDED", job.id, flush=True)
    queue.done(received)
    for event in records.events.unpublished(limit=10):
        records.events.published(event)
"""

DYING = """
import os, signal, sys
from pathlib import Path
from tests.job_homes import a_job, told
from penstock.local.jobs.database import JobDatabase, insert_event, insert_job

database = JobDatabase(Path(sys.argv[1]))
job = a_job(job_id=sys.argv[2])
with database.durable() as connection:
    if sys.argv[3] != "before the job":
        insert_job(connection, job)
    if sys.argv[3] == "before the commit":
        insert_event(connection, told(job))
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite"


@pytest.fixture
def database(path: Path) -> Iterator[JobDatabase]:
    with closing(JobDatabase(path)) as database:
        yield database


@pytest.fixture
def store(database: JobDatabase) -> SqliteJobStore:
    return SqliteJobStore(database)


@pytest.fixture
def records(database: JobDatabase) -> JobRecords:
    return records_of(database)


def test_changes_are_given_in_their_order_each_job_as_it_is_now(
    records: JobRecords, store: SqliteJobStore
) -> None:
    first, second = added(records), added(records, a_job(tenant="river"))
    changes = store.changes_after(0, limit=10)
    assert [job for _, job in changes] == [first, second]
    numbers = [number for number, _ in changes]
    assert numbers == sorted(set(numbers))
    seen = numbers[-1]
    assert store.changes_after(seen, limit=10) == []
    assert store.last_change() == seen
    running = claimed(records, first)
    running = store.report(
        "acme", first.id, progress_of(running, 1, counter=1), fencing_token=1, now=START
    )
    ((number, changed),) = store.changes_after(seen, limit=10)
    assert changed == running
    assert number == store.last_change() > seen
    assert [job for _, job in store.changes_after(0, limit=10)] == [second, running]
    assert [job for _, job in store.changes_after(0, limit=1)] == [second]


def test_what_was_refused_or_only_observed_is_no_change(
    records: JobRecords, store: SqliteJobStore
) -> None:
    old = claimed(records, added(records))
    moved(records, old, old.finalizing())
    before = store.last_change()
    with pytest.raises(StaleJobError):
        moved(records, old, old.finalizing())
    store.report("acme", old.id, progress_of(old, 1, counter=0), fencing_token=0, now=START)
    assert store.last_change() == before
    assert store.changes_after(before, limit=10) == []


def test_a_change_has_a_number_of_its_own_after_jobs_were_removed(
    records: JobRecords, store: SqliteJobStore
) -> None:
    job = added(records)
    last = store.last_change()
    records.upkeep.remove("acme", job.id)
    assert store.last_change() == last
    new = added(records)
    assert [changed for _, changed in store.changes_after(last, limit=10)] == [new]


def test_a_hundred_from_several_processes_with_one_key_make_one_job(
    path: Path, database: JobDatabase
) -> None:
    with ExitStack() as stack:
        processes = [stack.enter_context(running(ADDING, str(path))) for _ in range(4)]
        for process in processes:
            assert output_of(process).readline() == b"ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
            process.stdin.flush()
        given = [
            job_id for process in processes for job_id in output_of(process).readline().split()
        ]
    assert len(given) == 100
    (job_id,) = set(given)
    store = SqliteJobStore(database)
    assert [job.id for job in store.list("acme", JobFilter(), limit=10)] == [job_id.decode()]
    assert len(SqliteJobEvents(database).unpublished(limit=10)) == 1


@pytest.mark.parametrize("moment", ["before the job", "before its event", "before the commit"])
def test_a_process_that_dies_within_a_change_leaves_nothing_of_it(
    path: Path, records: JobRecords, moment: str
) -> None:
    before = added(records)
    job = a_job()
    with running(DYING, str(path), job.id, moment) as process:
        assert process.wait(PATIENCE_SECONDS) == -signal.SIGKILL
    assert is_sound(path)
    assert records.store.list("acme", JobFilter(), limit=10) == [before]
    assert records.events.after("acme", job.id, -1) == []
    assert added(records, job) == job
    assert len(records.events.unpublished(limit=10)) == 2


@pytest.mark.parametrize("lines", [1, 2, 3, 17, 40, 111])
def test_a_process_that_is_killed_leaves_all_that_it_said_and_nothing_half(
    path: Path, lines: int
) -> None:
    said: dict[str, str] = {}
    with running(WRITING, str(path)) as process:
        for _ in range(lines):
            state, job_id = output_of(process).readline().decode().split()
            said[job_id] = state
        os.kill(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_SECONDS)
    assert is_sound(path)
    with closing(JobDatabase(path)) as database:
        records = records_of(database)
        stored = {job.id: job for job in records.store.list("acme", JobFilter(), limit=1000)}
        order = ["ACCEPTED", "RUNNING", "SUCCEEDED"]
        for job_id, state in said.items():
            assert order.index(stored[job_id].state) >= order.index(state)
        for job in stored.values():
            names = [event.name for event in records.events.after("acme", job.id, -1)]
            told_of = ["job.accepted", "job.started", "job.succeeded"]
            assert names == told_of[: order.index(job.state) + 1]
        job = claimed(records, added(records))
        moved(records, job, job.finalizing())


def records_of(database: JobDatabase) -> JobRecords:
    return JobRecords(
        store=SqliteJobStore(database),
        used_keys=SqliteUsedKeys(database),
        events=SqliteJobEvents(database),
        upkeep=SqliteJobUpkeep(database),
    )


@contextmanager
def running(program: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        # What hangs ends, and its reader sees the end of its output.
        patience = threading.Timer(PATIENCE_SECONDS, process.kill)
        patience.start()
        try:
            yield process
        finally:
            patience.cancel()
            process.kill()


def output_of(process: subprocess.Popen[bytes]) -> IO[bytes]:
    assert process.stdout is not None
    return process.stdout


def is_sound(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
