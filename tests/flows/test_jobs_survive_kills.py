import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penstock.jobs.rules import JobRules
from penstock.jobs.submit import Submission, submit
from penstock.jobs.sweep import Sweeper, sweep
from penstock.local.compose import work_commands
from penstock.local.job_ports import LocalJobs, local_jobs
from penstock.local.opened import Served
from penstock.local.publish import publish
from penstock.local.supervise import Supervisor
from penstock.model.job import Job
from penstock.settings import Settings

ROWS = 5000
SCRIPT = Path(__file__).with_name("dying_worker.py")
MOST_CALLS = 200


@pytest.fixture
def home(tmp_path: Path) -> Path:
    table = pa.table({"n": range(ROWS), "text": [f"row {n}" for n in range(ROWS)]})
    publish(
        tmp_path / "store",
        tenant="acme",
        dataset="numbers",
        version="v1",
        parts=[table],
        published=datetime(2026, 5, 1, tzinfo=UTC),
    )
    return tmp_path


class Mortals:
    """Worker processes that die where they are told to."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def work(self, home: Path, *, at: int = 0, moment: str = "before") -> tuple[str, str]:
        """Work until nothing is left to do, or until death; tell which, and at which call."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{home} {at} {moment}\n")
        self._process.stdin.flush()
        how, _, name = self._process.stdout.readline().strip().partition(" ")
        return how, name


@pytest.fixture(scope="module")
def mortals() -> Iterator[Mortals]:
    with subprocess.Popen(
        [sys.executable, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Mortals(process)
        assert process.stdin is not None
        process.stdin.close()


@contextmanager
def _jobs(home: Path) -> Iterator[LocalJobs]:
    with local_jobs(home) as jobs:
        yield jobs


def _submitted(jobs: LocalJobs) -> Job:
    wanted = Submission(
        tenant="acme",
        user="ada",
        kind="export",
        type="dataset-slice",
        params={"dataset": "numbers", "query": "_sort=-n", "formats": ["csv"]},
        size="small",
        dataset_version="v1",
    )
    return submit(jobs.ports, wanted, now=datetime.now(UTC))


def _find_dropped(jobs: LocalJobs) -> None:
    """Do what a service does when a worker has died, and what it does some minutes later."""
    seconds = 0.0
    sweeper = Sweeper(
        ports=jobs.ports,
        rules=JobRules(),
        observer="test",
        seconds=lambda: seconds,
        now=lambda: datetime.now(UTC),
    )
    Supervisor(
        commands=work_commands(Settings(), Served()),
        queue=jobs.queue,
        sweeper=sweeper,
        sweep_seconds=30,
        woken=threading.Event(),
        report=lambda _: None,
    ).hand_on_dead()
    sweep(sweeper)
    seconds = 100_000.0
    sweep(sweeper)


def _check_result(home: Path, job: Job) -> None:
    folder = home / "store" / "acme" / job.folder
    stored = sorted(path.name for path in folder.iterdir())
    assert stored == sorted(["manifest.json", *(one.part for one in job.artifacts)])
    parts = [one.part for one in job.artifacts if one.part.startswith("part-")]
    rows = [row for part in parts for row in pq.read_table(folder / part)["n"].to_pylist()]
    assert rows == list(range(ROWS - 1, -1, -1))
    [csv] = [one.part for one in job.artifacts if one.part.startswith("file-")]
    assert (folder / csv).read_text().splitlines()[1:] == [f"{n},row {n}" for n in rows]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_worker_may_be_killed_at_any_call_and_the_job_ends_once(
    home: Path, mortals: Mortals, moment: str
) -> None:
    names = []
    with _jobs(home) as jobs:
        for at in range(1, MOST_CALLS):
            job = _submitted(jobs)
            how, name = mortals.work(home, at=at, moment=moment)
            if how == "ended":
                break
            assert how == "killed"
            names.append(name)
            _find_dropped(jobs)
            assert mortals.work(home) == ("ended", "-")

            ended = jobs.ports.store.get(job.tenant, job.id)
            assert ended.state == "SUCCEEDED", name
            assert ended.attempt <= 2
            _check_result(home, ended)
            told = jobs.ports.events.after(job.tenant, job.id, 0)
            assert [event.name for event in told].count("job.succeeded") == 1
            assert [event.seq for event in told] == sorted({event.seq for event in told})
            assert jobs.ports.letters.list(limit=1) == []
    assert {"store.advance", "outputs.write", "outputs.create"} <= set(names)
