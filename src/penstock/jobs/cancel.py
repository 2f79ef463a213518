"""Cancelling: a job ends because its user asks for it, and nothing of it stays visible."""

from datetime import datetime
from functools import partial

from penstock.errors import JobStateError, UnknownJobError
from penstock.jobs.steps import take_step
from penstock.model.job import Job
from penstock.ports import JobPorts


def cancel(ports: JobPorts, job: Job, *, now: datetime) -> Job:
    """Ask a job to end; one that nobody works on has ended when this returns.

    Asking again, or when the job is over, changes nothing. Raises StaleJobError where the job
    changed hands at this moment, and BusyError: ask again.
    """
    if job.is_over or job.state == "CANCELLING":
        return job
    # What the job is when the step is stored decides, not what it was when it was read.
    was_working: list[bool] = []

    def step(before: Job) -> Job:
        was_working.append(before.lease_owner is not None)
        return before.cancelling(now=now)

    try:
        asked = take_step(ports, job, step, now=now, event="job.cancelling")
    except JobStateError:
        return ports.store.get(job.tenant, job.id)
    return asked if was_working[-1] else end_cancelled(ports, asked, now=now)


def end_cancelled(ports: JobPorts, job: Job, *, now: datetime) -> Job:
    """End a job that was asked to: its files go first, so that no moment shows them.

    Raises JobStateError for a job that nobody asked to end: its files may be its result.
    StaleJobError where somebody else ended it, and BusyError.
    """
    if job.state != "CANCELLING":
        raise JobStateError(job.id, state=job.state, wanted="CANCELLED")
    ports.outputs.remove(job.tenant, job.folder)
    return take_step(ports, job, partial(Job.cancelled, now=now), now=now, event="job.cancelled")


def discard(ports: JobPorts, job: Job, *, now: datetime) -> None:
    """Remove a job's files and row; whoever works on it finds that out, and ends.

    Discarding twice changes nothing. Raises BusyError.
    """
    try:
        if not job.is_over:
            cancel(ports, job, now=now)
        ports.outputs.remove(job.tenant, job.folder)
        ports.upkeep.remove(job.tenant, job.id)
    except UnknownJobError:
        ports.outputs.remove(job.tenant, job.folder)
