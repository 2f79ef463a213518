"""Steps: changing a stored job while others may change it, too."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from penstock.errors import BusyError, StaleJobError
from penstock.jobs.publish import hand_on
from penstock.model.event import EventName, event_of
from penstock.model.job import Job
from penstock.ports import JobPorts

_TRIES = 20
"""Each one in vain means that another's step was stored meanwhile, or that the store is failing."""
_NAME_BYTES = 8


def take_step(
    ports: JobPorts,
    job: Job,
    step: Callable[[Job], Job],
    *,
    now: datetime,
    event: EventName | None = None,
) -> Job:
    """Take a step from what the job is by now, as long as its fencing token is the one of `job`.

    The event is stored with the step, and published afterwards. A step that was stored though the
    store didn't say so is known again by its name, whatever was reported since: it is not taken
    twice, nor refused by what it has itself made of the job. Gives the job as stored.

    Raises StaleJobError once the token is another one, JobStateError where what the job has become
    doesn't allow the step, UnknownJobError, and BusyError, after which it may be stored or not.
    """
    before, name = job, secrets.token_hex(_NAME_BYTES)
    for left in reversed(range(_TRIES)):
        made = replace(step(before), step=name)
        told = None if event is None else event_of(made, event, now=now)
        try:
            ports.store.advance(
                made, was_version=before.version, fencing_token=before.fencing_token, event=told
            )
            break
        except (StaleJobError, BusyError):
            if not left:
                raise
        before = _as_stored(ports, job)
        if before.step == name:
            made = before
            break
        if before.fencing_token != job.fencing_token:
            raise StaleJobError(job.id)
    if told is not None:
        hand_on(ports, told)
    return made


def _as_stored(ports: JobPorts, job: Job) -> Job:
    for left in reversed(range(_TRIES)):
        try:
            return ports.store.get(job.tenant, job.id)
        except BusyError:
            if not left:
                raise
    raise StaleJobError(job.id)
