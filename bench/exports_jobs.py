"""A home with jobs and one worker process, which is asked for exports and weighed."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import exports_worker
from exports_results import Made
from penstock.errors import PenstockError
from penstock.jobs.submit import Submission, submit
from penstock.local.databases import FileDatabases
from penstock.local.job_ports import LocalJobs, local_jobs
from penstock.local.places import databases_path, store_path
from penstock.model.job import Job
from servers import ENVIRONMENT, BenchError, memory

TENANT = "bench"
Way = Literal["command", "told", "silent"]

_MOST_SECONDS = 1800
_LOOK_SECONDS = 0.02
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
            tenant=TENANT, user="bench", kind="export", type=type_name, params=params, size="medium"
        )
        job = self._ended(submit(self.jobs.ports, wanted, now=datetime.now(UTC)))
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
            peak=memory(self.worker.pid, "VmHWM"),
        )

    def files(self, job: Job) -> list[Path]:
        """Give the parts of a result, in order."""
        folder = store_path(self.home) / job.tenant / job.folder
        return [folder / one.part for one in job.artifacts if one.part.startswith("part-")]

    def _ended(self, job: Job) -> Job:
        latest = time.monotonic() + _MOST_SECONDS
        while time.monotonic() < latest:
            if self.worker.poll() is not None:
                raise BenchError(f"the worker ended with {self.worker.returncode}; see {self.log}")
            found = self.jobs.ports.store.get(job.tenant, job.id)
            if found.is_over:
                return found
            time.sleep(_LOOK_SECONDS)
        raise BenchError(f"{job.type} wasn't made within {_MOST_SECONDS} s; see {self.log}")


@contextmanager
def house(
    home: Path,
    way: Way,
    *,
    log: Path,
    connection_string: str | None = None,
    datasets: Mapping[str, Path] | None = None,
) -> Iterator[House]:
    """Open a home of one tenant, with these datasets, and run one fresh worker for the body."""
    folder = store_path(home) / TENANT / "datasets"
    folder.mkdir(parents=True)
    for name, path in (datasets or {}).items():
        os.link(path, folder / f"{name}.parquet")
    if connection_string is not None:
        FileDatabases(databases_path(home)).put(TENANT, connection_string)
    command = [sys.executable, str(Path(exports_worker.__file__)), str(home), way]
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
                env=ENVIRONMENT,
            )
        stack.callback(_end, worker)
        yield House(home=home, jobs=jobs, worker=worker, log=log)


def _end(worker: "subprocess.Popen[bytes]") -> None:
    worker.terminate()
    try:
        worker.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()


def _processor_seconds(pid: int) -> float:
    """Sum what a process took of the processors, in its own code and in the system's (proc(5))."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    fields = status.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
