"""Events of jobs in SQLite."""

from penstock.local.jobs.database import JobDatabase, event_json
from penstock.model.event import JobEvent


class SqliteJobEvents:
    """Table job_event of database.py, written with the steps of jobs.

    That an event was published may be forgotten in a power cut: it is published again then.
    """

    def __init__(self, database: JobDatabase) -> None:
        self._database = database

    def after(self, tenant: str, job_id: str, seq: int) -> list[JobEvent]:
        found = self._database.reads.rows(
            "SELECT body FROM job_event WHERE tenant = ? AND job_id = ? AND seq > ? ORDER BY seq",
            (tenant, job_id, seq),
        )
        return [event_json().validate_json(body) for (body,) in found]

    def unpublished(self, *, limit: int) -> list[JobEvent]:
        found = self._database.reads.rows(
            "SELECT body FROM job_event WHERE NOT published ORDER BY number LIMIT ?", (limit,)
        )
        return [event_json().validate_json(body) for (body,) in found]

    def published(self, event: JobEvent) -> None:
        with self._database.word() as connection:
            connection.execute(
                "UPDATE job_event SET published = 1 WHERE tenant = ? AND job_id = ? AND seq = ?",
                (event.tenant, event.job_id, event.seq),
            )
