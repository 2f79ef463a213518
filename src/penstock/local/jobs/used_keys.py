"""Idempotency keys that were used, in SQLite."""

from datetime import datetime

from penstock.local.jobs.database import JobDatabase, job_json, microseconds
from penstock.model.job import KEY_KEPT
from penstock.ports import UsedKey


class SqliteUsedKeys:
    """The keys of the jobs that are stored, and of those that were removed within a day."""

    def __init__(self, database: JobDatabase) -> None:
        self._database = database

    def used(self, tenant: str, user: str, key: str, *, now: datetime) -> UsedKey | None:
        place = "WHERE tenant = ? AND user = ? AND idempotency_key = ? AND created > ?"
        values = (tenant, user, key, microseconds(now - KEY_KEPT))
        stored = self._database.reads.rows(
            f"SELECT body FROM job {place} ORDER BY created DESC LIMIT 1", values
        )
        if stored:
            job = job_json().validate_json(stored[0][0])
            return UsedKey(job_id=job.id, request_hash=job.request_hash, job=job)
        removed = self._database.reads.rows(
            f"SELECT id, request_hash FROM removed_job {place}", values
        )
        for job_id, request_hash in removed:
            return UsedKey(job_id=job_id, request_hash=request_hash, job=None)
        return None
