"""Ports of jobs: their rows and events, queues, the files that they write, and databases."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from penstock.model.dataset import Dataset
from penstock.model.event import JobEvent
from penstock.model.job import Job, JobKind
from penstock.model.job_state import JobState
from penstock.model.manifest import Manifest
from penstock.model.message import DeadLetter, JobMessage
from penstock.model.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs of a tenant a list holds; None is any."""

    user: str | None = None
    kind: JobKind | None = None
    state: JobState | None = None


class JobStore(Protocol):
    """Jobs, each with the events that its steps made, in one place."""

    def add(self, job: Job, event: JobEvent) -> Job:
        """Store a new job with its first event; give the stored job.

        Where the job has an idempotency key that this tenant and user used within 24 hours (by
        `created`), nothing is stored, and the job of then is given if its kind, type and
        `params_hash` are the same.

        Raises IdempotencyMismatchError where they are not, RemovedJobError where that job is no
        longer stored, IdempotencyPendingError if the key is being stored at this moment, and
        BusyError.
        """
        ...

    def get(self, tenant: str, job_id: str) -> Job:
        """Give a job as it is now, what was just stored included. Raises UnknownJobError."""
        ...

    def list(
        self, tenant: str, wanted: JobFilter, *, limit: int, before: str | None = None
    ) -> list[Job]:
        """List a tenant's jobs, the newest id first, only ids below `before`; at most `limit`."""
        ...

    def advance(
        self, job: Job, *, was_version: int, fencing_token: int, event: JobEvent | None = None
    ) -> None:
        """Replace the stored job if it is still at `was_version` under this fencing token.

        The event becomes readable, and due to be published, with it: both or neither are stored.

        Raises StaleJobError if somebody else was first, UnknownJobError if the job was removed, and
        BusyError, after which the step may have been stored or not.
        """
        ...

    def report(
        self, tenant: str, job_id: str, progress: Progress, *, fencing_token: int, now: datetime
    ) -> Job:
        """Take an attempt's progress (`Job.reported`) and give the job as it then is.

        Nothing changes unless the token is the stored one, `progress.seq` above the stored one, and
        the job RUNNING, FINALIZING or CANCELLING: then the job is given as it is. Raises
        UnknownJobError and BusyError.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedKey:
    """What an idempotency key was used for."""

    job_id: str
    request_hash: str | None
    """Of the job that it made (`Job.request_hash`)."""
    job: Job | None
    """As it is now; None once it was removed."""


class UsedKeys(Protocol):
    """The idempotency keys of stored jobs."""

    def used(self, tenant: str, user: str, key: str, *, now: datetime) -> UsedKey | None:
        """Tell what this user's key made within the 24 hours before `now`; None if it is free.

        One that is being stored at this moment may be told of or not. Raises BusyError.
        """
        ...


class JobEvents(Protocol):
    """The events of stored jobs: for clients that were away, and the outbox."""

    def after(self, tenant: str, job_id: str, seq: int) -> list[JobEvent]:
        """Give a job's events above `seq`, in order; progress is not among them."""
        ...

    def unpublished(self, *, limit: int) -> list[JobEvent]:
        """Give the oldest events, of all tenants, that nobody said were published."""
        ...

    def published(self, event: JobEvent) -> None:
        """Say that an event was handed on; saying it twice, or of none, changes nothing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a sweeper saw of a job, and when: seconds by the clock that `observer` names."""

    pulse: str
    observer: str
    seconds: float


class JobUpkeep(Protocol):
    """What a sweeper asks of the store of jobs."""

    def unfinished(self) -> Iterator[tuple[Job, Observation | None]]:
        """Give every tenant's jobs that have not ended, with what was last observed of each."""
        ...

    def observe(self, job: Job, observation: Observation) -> None:
        """Keep an observation; the job's version stays, and a job that is gone is passed over."""
        ...

    def outdated(self, *, now: datetime, rows_before: datetime) -> Iterator[Job]:
        """Give jobs whose files or rows are kept no longer.

        These succeeded, with `expires_at` at or before `now`, or have ended and were created before
        `rows_before`.
        """
        ...

    def remove(self, tenant: str, job_id: str) -> None:
        """Forget a job with its events; forgetting none changes nothing.

        That its idempotency key was used stays known for the key's 24 hours.
        """
        ...


class Dispatch(Protocol):
    """The way to those who work, and where what can't be worked on is laid."""

    def send(self, message: JobMessage, *, delay_seconds: float = 0) -> None:
        """Hand a message to the queue of its size class: delivered at least once, or BusyError."""
        ...

    def bury(self, message: JobMessage, *, reason: str) -> None:
        """Keep a message that failed for good, with its reason, where people look at it."""
        ...


class DeadLetters(Protocol):
    """Messages that failed for good."""

    def list(self, *, limit: int) -> list[DeadLetter]:
        """Give dead letters, the oldest first."""
        ...

    def take(self, letter_id: str) -> DeadLetter:
        """Give a dead letter and remove it. Raises SetupError if there is none of this id."""
        ...


class EventPublisher(Protocol):
    """Where events go at once: to whoever listens just now."""

    def publish(self, event: JobEvent) -> None:
        """Hand an event on, in bounded time; raises BusyError where that fails."""
        ...


class Outputs(Protocol):
    """The writing side of the store: a tenant's files, by paths such as `exports/{id}/x.csv`."""

    def write(self, tenant: str, path: str, pieces: Iterable[bytes]) -> None:
        """Store a file of these pieces: there whole once this returns, and not at all before.

        Pulls as the store takes, and holds at most 16 MiB. Replaces what stood there. Where
        `pieces` raise, nothing stays. Raises BusyError, and InsufficientStorageError where the
        store has no room.
        """
        ...

    def create(self, tenant: str, path: str, content: bytes) -> bool:
        """Store a small file, at once, where there is none. False if one stands there."""
        ...

    def read(self, tenant: str, path: str, *, max_bytes: int) -> bytes | None:
        """Read a small file, None if there is none."""
        ...

    def remove(self, tenant: str, folder: str, *, keep: Container[str] = ()) -> None:
        """Remove what stands below a folder, unfinished writes included, but for names in `keep`.

        A `manifest.json` goes first, so that no result is visible and not whole. Removing nothing
        changes nothing. Raises BusyError.
        """
        ...

    def link(self, tenant: str, path: str, *, file_name: str, seconds: int) -> str | None:
        """Give a URL that opens a stored file, with ranges, to whoever has it, for `seconds`.

        None where files have no place of their own that a client could reach.
        """
        ...


class Drafts(Protocol):
    """Results that have no manifest yet."""

    def draft(self, tenant: str, manifest: Manifest) -> Dataset:
        """Give the dataset that this manifest will make; its parts are stored, it is not.

        Raises DatasetDamagedError if a part isn't there as the manifest says, and BusyError.
        """
        ...


class Databases(Protocol):
    """The databases of tenants."""

    def connection_string(self, tenant: str) -> str:
        """Give how to connect to a tenant's own PostgreSQL; there is no other to fall back to.

        Raises NoDatabaseError if it has none, and BusyError if that can't be looked up.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPorts:
    """Every adapter that jobs need, beside those of downloads."""

    store: JobStore
    used_keys: UsedKeys
    events: JobEvents
    upkeep: JobUpkeep
    dispatch: Dispatch
    letters: DeadLetters
    publisher: EventPublisher
    outputs: Outputs
    databases: Databases
