"""Steps of jobs as workers take them, for tests of those who only look on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from penstock.jobs.steps import take_step
from penstock.jobs.submit import Submission, submit
from penstock.local.jobs.ports import local_jobs
from penstock.model.event import EventName
from penstock.model.fault import JobFault
from penstock.model.job import Job
from penstock.model.progress import Progress
from penstock.ports import JobPorts

FAULT = JobFault(code="odd", kind="permanent", message="It was odd.", retryable=False)


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that does nothing but say so, of a process of its own as far as stores can tell."""

    ports: JobPorts

    def begin(
        self, *, user: str = "ada", tenant: str = "acme", type_name: str = "customers"
    ) -> Job:
        """Submit a job."""
        wanted = Submission(
            tenant=tenant, user=user, kind="export", type=type_name, params={}, size="small"
        )
        return submit(self.ports, wanted, now=datetime.now(UTC))

    def start(self, job: Job) -> Job:
        """Claim a job."""
        now = datetime.now(UTC)
        return self._step(job, partial(Job.claimed, owner="test", now=now), "job.started")

    def report(self, job: Job, done: int) -> Job:
        """Say how far a job is."""
        stored = self.ports.store.get(job.tenant, job.id)
        said = Progress(seq=stored.progress.seq + 1, done=done, total=100, phase="reading")
        return self.ports.store.report(
            job.tenant, job.id, said, fencing_token=stored.fencing_token, now=datetime.now(UTC)
        )

    def succeed(self, job: Job) -> Job:
        """End a job well."""
        now = datetime.now(UTC)
        return self._step(
            job, lambda one: one.succeeded((), now=now, expires_at=now), "job.succeeded"
        )

    def fail(self, job: Job) -> Job:
        """End a job badly."""
        now = datetime.now(UTC)
        return self._step(job, partial(Job.failed, fault=FAULT, now=now), "job.failed")

    def expire(self, job: Job) -> Job:
        """Say that a job's files are gone."""
        return self._step(job, Job.expired, "job.expired")

    def requeue(self, job: Job) -> Job:
        """Hand a job back for another attempt."""
        return self._step(job, partial(Job.requeued, fault=FAULT), None)

    def _step(self, job: Job, step: Callable[[Job], Job], name: EventName | None) -> Job:
        stored = self.ports.store.get(job.tenant, job.id)
        return take_step(self.ports, stored, step, now=datetime.now(UTC), event=name)


@contextmanager
def working_in(home: Path) -> Iterator[Worker]:
    """Open the jobs of a home for a worker's steps."""
    with local_jobs(home) as jobs:
        yield Worker(jobs.ports)


def through(worker: Worker, job: Job, *, reports: int = 3) -> None:
    """Take a job from its claim to its end, with a second attempt on the way."""
    worker.start(job)
    for done in range(reports):
        worker.report(job, (done + 1) * 10)
    worker.requeue(job)
    worker.start(job)
    for done in range(reports):
        worker.report(job, (done + 1) * 12)
    worker.succeed(job)
