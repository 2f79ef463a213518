"""An event: what happened to a job, as told to its user."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from penstock.model.fault import JobFault
from penstock.model.job import Job
from penstock.model.job_state import JobState
from penstock.model.progress import Progress

EventName = Literal[
    "job.accepted",
    "job.started",
    "job.progress",
    "job.cancelling",
    "job.succeeded",
    "job.failed",
    "job.cancelled",
    "job.expired",
    "job.stalled",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """One event; a job's events are told apart, and put in order, by `seq`."""

    name: EventName
    tenant: str
    user: str
    job_id: str
    seq: int
    at: datetime
    state: JobState
    attempt: int
    progress: Progress
    high_water: int
    error: JobFault | None = None

    def described(self) -> dict[str, Any]:
        """Give what a client is told, as JSON holds it; the tenant is the client's own."""
        return {
            "event": self.name,
            "job_id": self.job_id,
            "seq": self.seq,
            "at": self.at.isoformat(),
            "state": self.state,
            "attempt": self.attempt,
            "done": self.progress.done,
            "total": self.progress.total,
            "high_water": self.high_water,
            "rejected": self.progress.rejected,
            "bytes": self.progress.bytes,
            "phase": self.progress.phase,
            "error": None if self.error is None else self.error.described(),
        }


def event_of(job: Job, name: EventName, *, now: datetime) -> JobEvent:
    """Tell of a job as it is; the event has the number of the step that made it so."""
    return JobEvent(
        name=name,
        tenant=job.tenant,
        user=job.user,
        job_id=job.id,
        seq=job.progress.seq,
        at=now,
        state=job.state,
        attempt=job.attempt,
        progress=job.progress,
        high_water=job.high_water,
        error=job.error,
    )
