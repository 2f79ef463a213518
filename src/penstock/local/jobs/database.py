"""The database file of jobs: its tables, its connections, and a job as a row."""

import sqlite3
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from penstock.errors import UnknownJobError
from penstock.local.database import Database
from penstock.model.event import JobEvent
from penstock.model.job import Job

_FIRST_TABLES = """
CREATE TABLE IF NOT EXISTS job (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    user TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    is_over INTEGER NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER,
    idempotency_key TEXT,
    version INTEGER NOT NULL,
    fencing_token INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    change INTEGER NOT NULL,
    observed TEXT,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX IF NOT EXISTS job_by_change ON job (change);
CREATE INDEX IF NOT EXISTS job_by_user ON job (tenant, user, id);
CREATE INDEX IF NOT EXISTS job_by_state ON job (tenant, state, id);
CREATE INDEX IF NOT EXISTS job_by_key ON job (tenant, user, idempotency_key, created)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS job_unfinished ON job (tenant, id) WHERE NOT is_over;
CREATE INDEX IF NOT EXISTS job_by_expiry ON job (expires, tenant, id) WHERE expires IS NOT NULL;
CREATE INDEX IF NOT EXISTS job_by_age ON job (created, tenant, id) WHERE is_over;
CREATE TABLE IF NOT EXISTS last_change (number INTEGER NOT NULL);
INSERT INTO last_change (number) SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM last_change);
CREATE TABLE IF NOT EXISTS job_event (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    job_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    published INTEGER NOT NULL DEFAULT 0,
    body TEXT NOT NULL,
    UNIQUE (tenant, job_id, seq)
);
CREATE INDEX IF NOT EXISTS job_event_outbox ON job_event (number) WHERE NOT published;
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    size TEXT NOT NULL,
    body TEXT NOT NULL,
    since REAL NOT NULL,
    due REAL NOT NULL,
    delivered INTEGER NOT NULL DEFAULT 0,
    lease TEXT,
    holder TEXT
);
CREATE INDEX IF NOT EXISTS message_by_tenant ON message (tenant, size, id);
CREATE INDEX IF NOT EXISTS message_leased ON message (tenant, size) WHERE lease IS NOT NULL;
CREATE TABLE IF NOT EXISTS turn (tenant TEXT PRIMARY KEY, number INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS turn_by_number ON turn (number);
CREATE TABLE IF NOT EXISTS dead_letter (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    body TEXT NOT NULL,
    reason TEXT NOT NULL,
    buried TEXT NOT NULL
)
"""
"""Of files that tell no version, too: what is there already stays as it is."""

_REMOVED_JOBS = """
CREATE TABLE removed_job (
    tenant TEXT NOT NULL,
    user TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    type TEXT NOT NULL,
    params_hash TEXT NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (tenant, user, idempotency_key)
);
CREATE INDEX removed_job_by_age ON removed_job (created)
"""
"""What is still known of a removed job, for as long as its idempotency key counts."""

_REMOVED_REQUESTS = "ALTER TABLE removed_job ADD COLUMN request_hash TEXT"

STEPS = (_FIRST_TABLES, _REMOVED_JOBS, _REMOVED_REQUESTS)
"""The changes that made the tables what they are, in order: further ones are added at the end, and
none is ever altered, since files stand behind some of them."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class JobDatabase:
    """The tables of jobs (store.py, events.py, queue.py, dead_letters.py) in one file.

    A file of an older version is brought up to date when it is opened.

    `reads` never waits for a commit. `durable` is a transaction that survives a power cut;
    `undurable` is one that survives the end of every process, and a power cut once a later durable
    one is committed: for what nobody has to find again, such as progress.

    `job.change` is the number of the change that made the row what it is: it grows from change to
    change over all jobs, in the order in which they were committed, and none is given twice.

    Raises SetupError if the file can't be used, or a newer version made it.
    """

    def __init__(self, path: Path) -> None:
        self._writes = Database(path, steps=STEPS, durable=True)
        self.reads = Database(path, schema="", durable=True)

    def durable(self) -> AbstractContextManager[sqlite3.Connection]:
        """Run the body as one transaction, alone in writing, that is durable."""
        return self._writes.writing()

    def undurable(self) -> AbstractContextManager[sqlite3.Connection]:
        """Run the body as one transaction, alone in writing, that a power cut may undo."""
        return self._writes.writing(durable=False)

    def close(self) -> None:
        """Close the file; closing twice changes nothing."""
        self.reads.close()
        self._writes.close()


def insert_job(connection: sqlite3.Connection, job: Job) -> None:
    """Add a job's row within a transaction."""
    _count_change(connection)
    connection.execute(
        "INSERT INTO job (tenant, id, user, kind, created, idempotency_key, state, is_over,"
        " expires, version, fencing_token, seq, body, change)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT number FROM last_change))",
        (
            job.tenant,
            job.id,
            job.user,
            job.kind,
            microseconds(job.created),
            job.idempotency_key,
            *_changing(job),
        ),
    )


def replace_job(
    connection: sqlite3.Connection, job: Job, *, was_version: int, fencing_token: int
) -> bool:
    """Replace a job's row within a transaction, if it is at this version under this token."""
    _count_change(connection)
    changed = connection.execute(
        "UPDATE job SET state = ?, is_over = ?, expires = ?, version = ?, fencing_token = ?,"
        " seq = ?, body = ?, change = (SELECT number FROM last_change)"
        " WHERE tenant = ? AND id = ? AND version = ? AND fencing_token = ?",
        (*_changing(job), job.tenant, job.id, was_version, fencing_token),
    ).rowcount
    return changed == 1


def remove_job(connection: sqlite3.Connection, tenant: str, job_id: str) -> None:
    """Remove a job's row within a transaction; that its key was used stays known."""
    found = connection.execute(JOB_BODY, (tenant, job_id)).fetchone()
    if found is None:
        return
    job = job_json().validate_json(found[0])
    if job.idempotency_key is not None:
        connection.execute(
            "INSERT INTO removed_job"
            " (tenant, user, idempotency_key, id, kind, type, params_hash, request_hash, created)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET id = excluded.id,"
            " kind = excluded.kind, type = excluded.type, params_hash = excluded.params_hash,"
            " request_hash = excluded.request_hash, created = excluded.created"
            " WHERE excluded.created > created",
            (
                job.tenant,
                job.user,
                job.idempotency_key,
                job.id,
                job.kind,
                job.type,
                job.params_hash,
                job.request_hash,
                microseconds(job.created),
            ),
        )
    connection.execute("DELETE FROM job WHERE tenant = ? AND id = ?", (tenant, job_id))


def insert_event(connection: sqlite3.Connection, event: JobEvent) -> None:
    """Add an event, which nobody published yet, within a transaction."""
    connection.execute(
        "INSERT INTO job_event (tenant, job_id, seq, body) VALUES (?, ?, ?, ?)",
        (event.tenant, event.job_id, event.seq, event_json().dump_json(event).decode()),
    )


def find_job(connection: sqlite3.Connection, tenant: str, job_id: str) -> Job:
    """Read a job within a transaction. Raises UnknownJobError if there is none."""
    found = connection.execute(JOB_BODY, (tenant, job_id)).fetchone()
    if found is None:
        raise UnknownJobError
    return job_json().validate_json(found[0])


JOB_BODY = "SELECT body FROM job WHERE tenant = ? AND id = ?"


def microseconds(when: datetime) -> int:
    """Give a time as a column holds it."""
    return (when - _EPOCH) // timedelta(microseconds=1)


@cache
def job_json() -> TypeAdapter[Job]:
    """Give what reads and writes a job's body."""
    return TypeAdapter(Job)


@cache
def event_json() -> TypeAdapter[JobEvent]:
    """Give what reads and writes an event's body."""
    return TypeAdapter(JobEvent)


def _count_change(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE last_change SET number = number + 1")


def _changing(job: Job) -> tuple[object, ...]:
    return (
        job.state,
        job.is_over,
        microseconds(job.expires_at) if job.has_result and job.expires_at else None,
        job.version,
        job.fencing_token,
        job.progress.seq,
        job_json().dump_json(job).decode(),
    )
