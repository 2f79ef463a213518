"""Submitting: a job is stored first, and then handed to a queue."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from penstock.errors import BusyError, JobStateError, StaleJobError
from penstock.jobs.publish import hand_on
from penstock.jobs.steps import take_step
from penstock.model.event import event_of
from penstock.model.job import ANONYMOUS, Job, JobKind, SizeClass, hash_of
from penstock.model.job_id import new_job_id
from penstock.model.message import message_of
from penstock.model.progress import Progress
from penstock.ports import JobPorts


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What is asked for: checked already, with everything that a worker needs to know."""

    tenant: str
    user: str
    kind: JobKind
    type: str
    params: Mapping[str, Any]
    size: SizeClass
    dataset_version: str | None = None
    idempotency_key: str | None = None
    request_hash: str | None = None
    """Digest of the request as it came: one that comes again is known by it."""
    visitor: str | None = None
    """Which of those it is who share the user ANONYMOUS."""


def submit(ports: JobPorts, wanted: Submission, *, now: datetime) -> Job:
    """Store a job and dispatch it; give it, or the one that its idempotency key made before.

    Once this returns, the job comes to an end whatever fails: where no queue takes it, a sweep
    hands it on later.

    Raises IdempotencyMismatchError, IdempotencyPendingError, and BusyError, with which nothing is
    known to be stored.
    """
    job = Job(
        id=new_job_id(),
        tenant=wanted.tenant,
        user=wanted.user,
        kind=wanted.kind,
        type=wanted.type,
        params=wanted.params,
        params_hash=hash_of(wanted.params),
        size=wanted.size,
        created=now,
        visitor=wanted.visitor,
        idempotency_key=stored_key(
            wanted.idempotency_key, user=wanted.user, visitor=wanted.visitor
        ),
        request_hash=None if wanted.idempotency_key is None else wanted.request_hash,
        dataset_version=wanted.dataset_version,
        # Whoever asks for all events asks for those above 0.
        progress=Progress(seq=1),
    )
    accepted = event_of(job, "job.accepted", now=now)
    stored = ports.store.add(job, accepted)
    if stored.id != job.id:
        return stored
    hand_on(ports, accepted)
    return dispatch(ports, stored, now=now)


def stored_key(key: str | None, *, user: str, visitor: str | None) -> str | None:
    """Give an idempotency key as a job has it.

    Visitors share one user: to the store, what one of them called a key is none of another's.
    """
    if user != ANONYMOUS or key is None:
        return key
    return hash_of({"visitor": visitor, "key": key})


def dispatch(ports: JobPorts, job: Job, *, now: datetime, delay_seconds: float = 0) -> Job:
    """Hand a waiting job to its queue, and say so; give it as it is then.

    Where the queue can't be reached, or somebody works on the job already, it is given as it was.
    """
    try:
        ports.dispatch.send(message_of(job), delay_seconds=delay_seconds)
    except BusyError:
        return job
    with suppress(StaleJobError, JobStateError, BusyError):
        return take_step(ports, job, Job.queued, now=now)
    return job
