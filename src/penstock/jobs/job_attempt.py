"""Job attempt: an attempt as its work sees it, and how it ends well (model/attempt.py)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from penstock.errors import (
    BusyError,
    JobCancelledError,
    JobStateError,
    UnknownJobError,
)
from penstock.jobs.progress import Reporter
from penstock.jobs.steps import take_step
from penstock.jobs.worker import Worker
from penstock.model.artifact import Artifact
from penstock.model.job import Job
from penstock.model.progress import Progress


class JobAttempt:
    """The attempt as its work sees it (model/attempt.py)."""

    def __init__(self, worker: Worker, job: Job, reporter: Reporter) -> None:
        self._worker = worker
        self._reporter = reporter
        self.job = job

    def progress(
        self, done: int, *, total: int | None = None, size_bytes: int = 0, phase: str = ""
    ) -> None:
        self._reporter.say(Progress(done=done, total=total, bytes=size_bytes, phase=phase))

    def is_over(self) -> bool:
        return self._reporter.is_over()

    def holds(self) -> bool:
        try:
            latest = self._worker.ports.store.get(self.job.tenant, self.job.id)
        except (UnknownJobError, BusyError):
            return False
        return latest.fencing_token == self.job.fencing_token and not latest.is_over

    def checkpoint(self, reached: Mapping[str, Any], artifacts: tuple[Artifact, ...]) -> None:
        self._step(partial(Job.checkpointed, checkpoint=reached, artifacts=artifacts))

    def finalize(self) -> None:
        self._step(Job.finalizing)

    def succeed(self, artifacts: tuple[Artifact, ...]) -> Job:
        """End well: the result, its event and the state become true in one step."""
        now = self._worker.now()

        def step(before: Job) -> Job:
            latest = self._reporter.latest
            told = replace(
                before,
                progress=replace(latest, seq=before.progress.seq, phase="finished"),
                high_water=max(before.high_water, latest.done),
            )
            return told.succeeded(
                artifacts, now=now, expires_at=now + self._worker.rules.files_kept
            )

        self.job = take_step(self._worker.ports, self.job, step, now=now, event="job.succeeded")
        return self.job

    def _step(self, step: Callable[[Job], Job]) -> None:
        self._reporter.check()
        try:
            self.job = take_step(self._worker.ports, self.job, step, now=self._worker.now())
        except JobStateError as error:
            raise JobCancelledError from error
