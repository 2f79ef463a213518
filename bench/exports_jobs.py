"""A home with jobs and one worker, which is asked for exports and weighed with its processes."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import exports_worker
from exports_results import Made
from penstock.errors import PenstockError
from penstock.jobs.submit import Submission, submit
from penstock.local.home_layout import databases_path, store_path
from penstock.local.jobs.databases import FileDatabases
from penstock.local.jobs.ports import LocalJobs, local_jobs
from penstock.model.job import Job
from servers import ENVIRONMENT, BenchError, memory

TENANT = "bench"
ONE_READER: Mapping[str, str] = {"PENSTOCK_EXPORT_READERS": "1"}
TWO_READERS: Mapping[str, str] = {"PENSTOCK_EXPORT_READERS": "2"}

_MOST_SECONDS = 1800
_LOOK_SECONDS = 0.02
_WEIGH_SECONDS = 0.1
_STOP_SECONDS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A home, its jobs, and the process that works on them."""

    home: Path
    jobs: LocalJobs
    worker: "subprocess.Popen[bytes]"
    log: Path

    def made(self, type_name: str, params: Mapping[str, Any]) -> tuple[Job, Made]:
        """Have an export made, and say what it took. Raises BenchError if it doesn't succeed."""
        spent = _processor_seconds(self.worker.pid)
        began = time.perf_counter()
        wanted = Submission(
            tenant=TENANT, user="bench", kind="export", type=type_name, params=params, size="large"
        )
        job, peak = self._ended(submit(self.jobs.ports, wanted, now=datetime.now(UTC)))
        waited = time.perf_counter() - began
        if job.started is None or job.ended is None or not job.has_result:
            raise BenchError(f"{type_name}: {job.state}, {job.error}; see {self.log}")
        parts = [one for one in job.artifacts if one.part.startswith("part-")]
        return job, Made(
            rows=sum(part.rows for part in parts),
            parts=len(parts),
            size=sum(one.bytes for one in job.artifacts),
            seconds=(job.ended - job.started).total_seconds(),
            waited_seconds=waited,
            processor_seconds=_processor_seconds(self.worker.pid) - spent,
            peak=peak,
        )

    def files(self, job: Job) -> list[Path]:
        """Give the parts of a result, in order."""
        folder = store_path(self.home) / job.tenant / job.folder
        return [folder / one.part for one in job.artifacts if one.part.startswith("part-")]

    def _ended(self, job: Job) -> tuple[Job, int | None]:
        """Wait for a job's end; gives the most that the worker and its processes held, too.

        That is what the worker held at any time, or all of them together when it was looked.
        """
        latest, weigh_at, peak = time.monotonic() + _MOST_SECONDS, 0.0, 0
        while time.monotonic() < latest:
            if self.worker.poll() is not None:
                raise BenchError(f"the worker ended with {self.worker.returncode}; see {self.log}")
            found = self.jobs.ports.store.get(job.tenant, job.id)
            if found.is_over:
                return found, max(peak, memory(self.worker.pid, "VmHWM") or 0) or None
            if time.monotonic() >= weigh_at:
                peak = max(peak, memory(self.worker.pid, "VmRSS") or 0)
                weigh_at = time.monotonic() + _WEIGH_SECONDS
            time.sleep(_LOOK_SECONDS)
        raise BenchError(f"{job.type} wasn't made within {_MOST_SECONDS} s; see {self.log}")


@contextmanager
def house(
    home: Path,
    *,
    log: Path,
    readers: Mapping[str, str] = ONE_READER,
    connection_string: str | None = None,
    datasets: Mapping[str, Path] | None = None,
) -> Iterator[House]:
    """Furnish a home, and run one fresh worker for the body."""
    furnish(home, connection_string=connection_string, datasets=datasets)
    command = [sys.executable, str(Path(exports_worker.__file__)), str(home)]
    with ExitStack() as stack:
        try:
            jobs = stack.enter_context(local_jobs(home))
        except PenstockError as error:
            raise BenchError(error.detail) from error
        with log.open("ab") as out:
            worker = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                env={**ENVIRONMENT, **readers},
            )
        stack.callback(_end, worker)
        yield House(home=home, jobs=jobs, worker=worker, log=log)


def furnish(
    home: Path,
    *,
    connection_string: str | None = None,
    datasets: Mapping[str, Path] | None = None,
) -> None:
    """Give a home one tenant, with a database or with these datasets."""
    folder = store_path(home) / TENANT / "datasets"
    folder.mkdir(parents=True)
    for name, path in (datasets or {}).items():
        os.link(path, folder / f"{name}.parquet")
    if connection_string is not None:
        FileDatabases(databases_path(home)).put(TENANT, connection_string)


def _end(worker: "subprocess.Popen[bytes]") -> None:
    worker.terminate()
    try:
        worker.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()


def _processor_seconds(pid: int) -> float:
    """Sum what a process and those it waited for took, in their code and the system's (proc(5))."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    fields = status.rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
