"""Steps: changing a stored job while others may change it, too."""

from collections.abc import Callable
from datetime import datetime

from penstock.errors import BusyError, StaleJobError
from penstock.jobs.publish import hand_on
from penstock.model.event import EventName, event_of
from penstock.model.job import Job
from penstock.ports import JobPorts

_TRIES = 20
"""Each one in vain means that another's step was stored meanwhile, or that the store is failing."""


def take_step(
    ports: JobPorts,
    job: Job,
    step: Callable[[Job], Job],
    *,
    now: datetime,
    event: EventName | None = None,
) -> Job:
    """Take a step from what the job is by now, as long as its fencing token is the one of `job`.

    The event is stored with the step, and published afterwards. Gives the job as stored.

    Raises StaleJobError once the token is another one, JobStateError where what the job has become
    doesn't allow the step, UnknownJobError and BusyError.
    """
    before = job
    made: Job | None = None
    for left in reversed(range(_TRIES)):
        if made is not None:
            before = ports.store.get(job.tenant, job.id)
            if before == made:
                break  # It was stored, though the store didn't say so.
            if before.fencing_token != job.fencing_token:
                raise StaleJobError(job.id)
        made = step(before)
        told = None if event is None else event_of(made, event, now=now)
        try:
            ports.store.advance(
                made, was_version=before.version, fencing_token=before.fencing_token, event=told
            )
            break
        except (StaleJobError, BusyError):
            if not left:
                raise
    if made is None:
        raise StaleJobError(job.id)
    if event is not None:
        hand_on(ports, event_of(made, event, now=now))
    return made
