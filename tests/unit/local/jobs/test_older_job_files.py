"""A home's file of jobs that an older version made: it opens, and goes on where it was."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from tests.job_homes import a_job, told
from tests.moving_clock import START

from penstock.errors import RemovedJobError, SetupError
from penstock.local.jobs.database import STEPS, JobDatabase, job_json, microseconds
from penstock.local.jobs.events import SqliteJobEvents
from penstock.local.jobs.store import SqliteJobStore
from penstock.local.jobs.upkeep import SqliteJobUpkeep
from penstock.local.jobs.used_keys import SqliteUsedKeys
from penstock.model.job import Job
from penstock.ports import UsedKey

FIRST_TABLES = """
CREATE TABLE job (
    tenant TEXT NOT NULL, id TEXT NOT NULL, user TEXT NOT NULL, kind TEXT NOT NULL,
    state TEXT NOT NULL, is_over INTEGER NOT NULL, created INTEGER NOT NULL, expires INTEGER,
    idempotency_key TEXT, version INTEGER NOT NULL, fencing_token INTEGER NOT NULL,
    seq INTEGER NOT NULL, change INTEGER NOT NULL, observed TEXT, body TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX job_by_change ON job (change);
CREATE INDEX job_by_user ON job (tenant, user, id);
CREATE INDEX job_by_state ON job (tenant, state, id);
CREATE INDEX job_by_key ON job (tenant, user, idempotency_key, created)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX job_unfinished ON job (tenant, id) WHERE NOT is_over;
CREATE INDEX job_by_expiry ON job (expires, tenant, id) WHERE expires IS NOT NULL;
CREATE INDEX job_by_age ON job (created, tenant, id) WHERE is_over;
CREATE TABLE last_change (number INTEGER NOT NULL);
INSERT INTO last_change VALUES (7);
CREATE TABLE job_event (
    number INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, job_id TEXT NOT NULL,
    seq INTEGER NOT NULL, published INTEGER NOT NULL DEFAULT 0, body TEXT NOT NULL,
    UNIQUE (tenant, job_id, seq)
);
CREATE INDEX job_event_outbox ON job_event (number) WHERE NOT published;
CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, size TEXT NOT NULL,
    body TEXT NOT NULL, since REAL NOT NULL, due REAL NOT NULL,
    delivered INTEGER NOT NULL DEFAULT 0, lease TEXT, holder TEXT
);
CREATE INDEX message_by_tenant ON message (tenant, size, id);
CREATE INDEX message_leased ON message (tenant, size) WHERE lease IS NOT NULL;
CREATE TABLE turn (tenant TEXT PRIMARY KEY, number INTEGER NOT NULL);
CREATE INDEX turn_by_number ON turn (number);
CREATE TABLE dead_letter (
    number INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL, reason TEXT NOT NULL,
    buried TEXT NOT NULL
)
"""
"""The tables as they were before a file told its version."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite"


@pytest.fixture
def kept(path: Path) -> Job:
    """A job in a file of the first version."""
    job = a_job(key="k")
    with closing(sqlite3.connect(path)) as old:
        old.execute("PRAGMA journal_mode = WAL")
        old.executescript(FIRST_TABLES)
        old.execute(
            "INSERT INTO job (tenant, id, user, kind, state, is_over, created, idempotency_key,"
            " version, fencing_token, seq, change, body)"
            " VALUES (?, ?, ?, ?, ?, 0, ?, ?, 1, 0, 0, 7, ?)",
            (
                job.tenant,
                job.id,
                job.user,
                job.kind,
                job.state,
                microseconds(job.created),
                job.idempotency_key,
                job_json().dump_json(job).decode(),
            ),
        )
        old.commit()
    return job


def test_a_file_of_the_first_version_goes_on_where_it_was(path: Path, kept: Job) -> None:
    with closing(JobDatabase(path)) as database:
        store, upkeep = SqliteJobStore(database), SqliteJobUpkeep(database)
        assert store.get("acme", kept.id) == kept
        assert [job for job, _ in upkeep.unfinished()] == [kept]
        again = a_job(key="k", created=START + timedelta(hours=1))
        assert store.add(again, told(again)) == kept
        other = a_job()
        store.add(other, told(other))
        assert [change for change, _ in store.changes_after(7, limit=10)] == [8]
        assert len(SqliteJobEvents(database).after("acme", other.id, -1)) == 1
        upkeep.remove("acme", kept.id)
        with pytest.raises(RemovedJobError):
            store.add(again, told(again))


def test_a_new_file_and_one_that_was_brought_up_to_date_have_the_same_tables(
    path: Path, kept: Job, tmp_path: Path
) -> None:
    assert kept.state == "ACCEPTED"

    def tables(file: Path) -> dict[str, list[tuple[object, ...]]]:
        with closing(JobDatabase(file)) as database:
            names = database.reads.rows("SELECT name FROM sqlite_master ORDER BY name")
            return {name: database.reads.rows(f"PRAGMA table_info({name})") for (name,) in names}

    assert tables(path) == tables(tmp_path / "new.sqlite")


def test_a_job_that_an_older_version_wrote_lacks_what_is_newer(path: Path, kept: Job) -> None:
    with closing(sqlite3.connect(path)) as old:
        old.execute("UPDATE job SET body = json_remove(body, '$.request_hash', '$.visitor')")
        old.commit()
    with closing(JobDatabase(path)) as database:
        assert SqliteJobStore(database).get("acme", kept.id) == kept
        told = SqliteUsedKeys(database).used("acme", "ann", "k", now=START)
        assert told == UsedKey(job_id=kept.id, request_hash=None, job=kept)


def test_a_file_of_a_newer_version_says_what_to_do(path: Path) -> None:
    JobDatabase(path).close()
    with closing(sqlite3.connect(path)) as newer:
        newer.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    with pytest.raises(SetupError, match="use that version, or another home"):
        JobDatabase(path)
