"""Homes of jobs: what a contract suite asks of each home, and jobs and events to put there."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.moving_clock import START

from penstock.errors import BusyError, IdempotencyPendingError
from penstock.model.event import EventName, JobEvent, event_of
from penstock.model.job import Job, JobKind, SizeClass, hash_of
from penstock.model.job_id import new_job_id
from penstock.model.message import JobMessage
from penstock.model.progress import Progress, first_seq
from penstock.ports import (
    Databases,
    DeadLetters,
    Dispatch,
    JobEvents,
    JobStore,
    JobUpkeep,
    UsedKeys,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecords:
    """One process's view of the jobs of a home."""

    store: JobStore
    used_keys: UsedKeys
    events: JobEvents
    upkeep: JobUpkeep


OpenRecords = Callable[[], JobRecords]
"""Each call is another process's view of the same jobs."""

FreshRecords = Callable[[], OpenRecords]
"""Each call makes a home without any job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """The queues of a home, and what a test does with them in a worker's place."""

    dispatch: Dispatch
    letters: DeadLetters
    arrived: Callable[[SizeClass], list[JobMessage]]
    """Takes every message of a size class that is due, in the order of its arrival."""
    wait: Callable[[float], None]
    """Lets so many seconds pass."""
    lay_unreadable: Callable[[str], None]
    """Puts a body that is no message where dead letters are laid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabasesHome:
    """The connection strings of tenants, and how one is set."""

    databases: Databases
    put: Callable[[str, str], None]


def a_job(
    *,
    tenant: str = "acme",
    user: str = "ann",
    kind: JobKind = "export",
    type_name: str = "customers",
    params: Mapping[str, Any] | None = None,
    created: datetime = START,
    key: str | None = None,
    job_id: str | None = None,
) -> Job:
    """Make a job as it is submitted; each has an id of its own."""
    given = {"since": "2024-01-01"} if params is None else params
    return Job(
        id=new_job_id() if job_id is None else job_id,
        tenant=tenant,
        user=user,
        kind=kind,
        type=type_name,
        params=given,
        params_hash=hash_of(given),
        size="small",
        created=created,
        idempotency_key=key,
    )


def told(job: Job, name: EventName = "job.accepted", *, at: datetime = START) -> JobEvent:
    """Make the event of a job as it is."""
    return event_of(job, name, now=at)


def added(records: JobRecords, job: Job | None = None) -> Job:
    """Store a job with its first event, and give it back."""
    job = a_job() if job is None else job
    return records.store.add(job, told(job))


def claimed(records: JobRecords, job: Job, *, owner: str = "worker-1") -> Job:
    """Store a worker's claim of a job, with its event."""
    return moved(records, job, job.claimed(owner=owner, now=START), "job.started")


def moved(records: JobRecords, job: Job, step: Job, name: EventName | None = None) -> Job:
    """Store a step that was made from a job, with its event if it has one."""
    records.store.advance(
        step,
        was_version=job.version,
        fencing_token=job.fencing_token,
        event=None if name is None else told(step, name),
    )
    return step


def progress_of(job: Job, done: int, *, counter: int, rejected: int = 0) -> Progress:
    """Make the word that an attempt says as its `counter`-th one."""
    return Progress(
        seq=first_seq(job.attempt) + counter,
        done=done,
        total=1000,
        rejected=rejected,
        bytes=done * 10,
        phase="reading",
    )


def a_message(
    *, tenant: str = "acme", size: SizeClass = "small", type_name: str = "customers"
) -> JobMessage:
    """Make the message of a job that need not be stored."""
    return JobMessage(tenant=tenant, job_id=new_job_id(), kind="export", type=type_name, size=size)


def patiently_added(records: JobRecords, job: Job) -> Job:
    """Store a job as a client that asks again where it is told to."""
    for _ in range(50):
        try:
            return added(records, job)
        except (BusyError, IdempotencyPendingError):
            pass
    return added(records, job)


def in_threads(calls: Sequence[Callable[[], object]]) -> None:
    """Make calls beside each other, and raise what one of them raised."""
    with ThreadPoolExecutor(len(calls)) as pool:
        for running in [pool.submit(call) for call in calls]:
            running.result(timeout=120)
