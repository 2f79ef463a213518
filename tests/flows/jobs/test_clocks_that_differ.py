"""Processes whose clocks are an hour ahead or behind, one of which dies: each job ends once."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.flows.tenant_homes import store
from tests.long_runs import until

from penstock.jobs.cancel import cancel
from penstock.jobs.submit import Submission, submit
from penstock.local.jobs.ports import LocalJobs, local_jobs
from penstock.model.clock import utc_now
from penstock.model.job import Job
from penstock.model.job_state import WORKING

ROWS = 300_000
JOBS = 6


@contextmanager
def process(home: Path, role: str, hours: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a worker or a sweeper with a clock of its own for the body."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.flows.skewed_process", str(home), role, str(hours)],
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as running:
        try:
            yield running
        finally:
            running.kill()
            running.communicate()


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[LocalJobs]:
    table = pa.table({"n": range(ROWS), "text": [f"row {n}" for n in range(ROWS)]})
    store(tmp_path, "acme", "numbers", table, row_group_rows=20_000)
    with local_jobs(tmp_path) as opened:
        yield opened


def asked(jobs: LocalJobs, now: datetime, number: int) -> Job:
    """Ask for a slice, at a time by the asker's clock, with a key, twice."""
    wanted = Submission(
        tenant="acme",
        user="ada",
        kind="export",
        type="dataset-slice",
        params={"dataset": "numbers", "query": "", "formats": ["csv"]},
        size="medium",
        idempotency_key=f"wish-{number}",
    )
    job = submit(jobs.ports, wanted, now=now)
    # By the clock of another process that serves the same API, within the day that keys are kept.
    assert submit(jobs.ports, wanted, now=now - timedelta(hours=2)).id == job.id
    return job


def working(jobs: LocalJobs) -> list[Job]:
    return [job for job, _ in jobs.ports.upkeep.unfinished() if job.state in WORKING]


def unfinished(jobs: LocalJobs) -> list[Job]:
    return [job for job, _ in jobs.ports.upkeep.unfinished()]


@pytest.mark.parametrize(
    ("asker", "dying", "sweeper", "heir"),
    [
        (0, 1, -1, 0),
        (1, -1, 1, -1),
        pytest.param(-1, 1, 1, -1, marks=pytest.mark.long),
        pytest.param(1, 0, -1, 1, marks=pytest.mark.long),
    ],
)
def test_clocks_that_are_an_hour_apart_lose_and_double_nothing(
    tmp_path: Path, jobs: LocalJobs, asker: int, dying: int, sweeper: int, heir: int
) -> None:
    now = utc_now() + timedelta(hours=asker)
    begun = [asked(jobs, now, number) for number in range(JOBS)]
    with ExitStack() as running:
        first = running.enter_context(process(tmp_path, "worker", dying))
        until(lambda: bool(working(jobs)), what="a worker begins")
        [held, *_] = working(jobs)
        first.kill()
        first.wait()
        # Nobody knows of its death but by its silence.
        running.enter_context(process(tmp_path, "sweeper", sweeper))
        running.enter_context(process(tmp_path, "worker", heir))
        until(lambda: jobs.ports.store.get("acme", begun[-1].id).is_over, what="the last job ends")
        extra = asked(jobs, now, JOBS)
        cancel(jobs.ports, jobs.ports.store.get("acme", extra.id), now=now)
        until(lambda: not unfinished(jobs), what="every job ends")
    for job in begun:
        done = jobs.ports.store.get("acme", job.id)
        assert done.state == "SUCCEEDED", done
        assert done.attempt == (2 if job.id == held.id and held.attempt < done.attempt else 1)
        names = [event.name for event in jobs.ports.events.after("acme", job.id, 0)]
        assert names.count("job.succeeded") == 1
        folder = tmp_path / "store" / "acme" / done.folder
        parts = [one.part for one in done.artifacts if one.part.startswith("part-")]
        rows = [row for part in parts for row in pq.read_table(folder / part)["n"].to_pylist()]
        assert rows == list(range(ROWS))
        assert sorted(path.name for path in folder.iterdir()) == sorted(
            ["manifest.json", *(one.part for one in done.artifacts)]
        )
    # It was let go of with the message of the dead worker's job still in its hands.
    assert jobs.ports.store.get("acme", held.id).attempt == 2
    assert jobs.ports.store.get("acme", extra.id).state in ("CANCELLED", "SUCCEEDED")
    assert jobs.ports.letters.list(limit=1) == []
