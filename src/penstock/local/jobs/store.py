"""Jobs in SQLite."""

import sqlite3
from datetime import datetime, timedelta

from penstock.errors import (
    IdempotencyMismatchError,
    RemovedJobError,
    StaleJobError,
    UnknownJobError,
)
from penstock.local.jobs.database import (
    JOB_BODY,
    JobDatabase,
    find_job,
    insert_event,
    insert_job,
    job_json,
    microseconds,
    replace_job,
)
from penstock.local.jobs.readable_rows import BodyReader
from penstock.model.event import JobEvent
from penstock.model.job import KEY_KEPT, Job
from penstock.model.job_state import TERMINAL, WAITING
from penstock.model.progress import Progress
from penstock.ports import JobFilter

_LEFT = timedelta(days=7) // timedelta(microseconds=1)


class SqliteJobStore:
    """Tables of database.py; each change is one transaction that is alone in writing.

    So what holds for one process holds for all of them, and a process that dies leaves the change
    before. An idempotency key is never pending: who uses it at the same moment waits its turn.

    A row that can't be read is in no list.
    """

    def __init__(self, database: JobDatabase) -> None:
        self._database = database
        self._readable = BodyReader()

    def add(self, job: Job, event: JobEvent) -> Job:
        with self._database.durable() as connection:
            same_id = connection.execute(JOB_BODY, (job.tenant, job.id)).fetchone()
            if same_id is not None:
                # Its answer was lost, and its sender asks again.
                return job_json().validate_json(same_id[0])
            if job.idempotency_key is not None:
                before = _before(connection, job)
                if before is not None:
                    return before
            insert_job(connection, job)
            insert_event(connection, event)
        return job

    def get(self, tenant: str, job_id: str) -> Job:
        found = self._database.reads.rows(JOB_BODY, (tenant, job_id))
        if not found:
            raise UnknownJobError
        return job_json().validate_json(found[0][0])

    def changes_after(self, change: int, *, limit: int) -> list[tuple[int, Job]]:
        """Give the jobs that were changed after a change, each as it is now, in that order.

        Each comes with the number of its last change; the last number given is where to go on. A
        job that changed twice is given once, and one that was removed isn't.
        """
        changed: list[tuple[int, Job]] = []
        while True:
            wanted = limit - len(changed)
            found = self._database.reads.rows(
                "SELECT change, tenant, id, body FROM job WHERE change > ? ORDER BY change LIMIT ?",
                (change, wanted),
            )
            for number, tenant, job_id, body in found:
                change = number
                job = self._readable.job(body, tenant=tenant, job_id=job_id)
                if job is not None:
                    changed.append((number, job))
            if len(found) < wanted or len(changed) >= limit:
                return changed

    def list(
        self, tenant: str, wanted: JobFilter, *, limit: int, before: str | None = None
    ) -> list[Job]:
        conditions, values = ["tenant = ?"], [tenant]
        if wanted.user is not None:
            conditions.append("user = ?")
            values.append(wanted.user)
        if wanted.kind is not None:
            conditions.append("kind = ?")
            values.append(wanted.kind)
        if wanted.state is not None:
            # With the sign no index of states is used: a user's jobs are fewer than a state's.
            conditions.append("state = ?" if wanted.user is None else "+state = ?")
            values.append(wanted.state)
        if before is not None:
            conditions.append("id < ?")
            values.append(before)
        jobs: list[Job] = []
        while True:
            page = self._database.reads.rows(
                f"SELECT id, body FROM job WHERE {' AND '.join(conditions)}"
                " ORDER BY id DESC LIMIT ?",
                (*values, limit - len(jobs)),
            )
            is_last = len(page) < limit - len(jobs)
            for job_id, body in page:
                job = self._readable.job(body, tenant=tenant, job_id=job_id)
                if job is not None:
                    jobs.append(job)
            if is_last or len(jobs) >= limit:
                return jobs
            if before is None:
                conditions.append("id < ?")
                values.append("")
            values[-1] = before = page[-1][0]

    def advance(
        self, job: Job, *, was_version: int, fencing_token: int, event: JobEvent | None = None
    ) -> None:
        with self._database.durable() as connection:
            if not replace_job(
                connection, job, was_version=was_version, fencing_token=fencing_token
            ):
                find_job(connection, job.tenant, job.id)
                raise StaleJobError(job.id)
            if event is not None:
                insert_event(connection, event)

    def report(
        self, tenant: str, job_id: str, progress: Progress, *, fencing_token: int, now: datetime
    ) -> Job:
        with self._database.undurable() as connection:
            job = find_job(connection, tenant, job_id)
            if (
                job.fencing_token != fencing_token
                or job.progress.seq >= progress.seq
                or job.state in TERMINAL | WAITING
            ):
                return job
            reported = job.reported(progress, now=now)
            replace_job(connection, reported, was_version=job.version, fencing_token=fencing_token)
            return reported

    def last_change(self) -> int:
        """Give the number of the last change of all: where to begin, to be told what comes."""
        return int(self._database.reads.rows("SELECT number FROM last_change")[0][0])


def _before(connection: sqlite3.Connection, job: Job) -> Job | None:
    """Give the job that the key of `job` made before, None if the key is free.

    Raises IdempotencyMismatchError, and RemovedJobError where that job is no longer stored.
    """
    outdated = microseconds(job.created - KEY_KEPT)
    key = (job.tenant, job.user, job.idempotency_key, outdated)
    place = "WHERE tenant = ? AND user = ? AND idempotency_key = ? AND created > ?"
    found = connection.execute(
        f"SELECT body FROM job {place} ORDER BY created DESC LIMIT 1", key
    ).fetchone()
    if found is not None:
        stored = job_json().validate_json(found[0])
        _refuse_other(job, stored.kind, stored.type, stored.params_hash)
        return stored
    removed = connection.execute(
        f"SELECT id, kind, type, params_hash FROM removed_job {place}", key
    ).fetchone()
    if removed is not None:
        _refuse_other(job, *removed[1:])
        raise RemovedJobError(removed[0])
    # Kept for longer than it counts, since another one's clock may be behind.
    connection.execute("DELETE FROM removed_job WHERE created < ?", (outdated - _LEFT,))
    return None


def _refuse_other(job: Job, kind: str, type_name: str, params_hash: str) -> None:
    if (kind, type_name, params_hash) != (job.kind, job.type, job.params_hash):
        raise IdempotencyMismatchError
