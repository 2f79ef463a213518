"""Events of jobs in SQLite."""

from penstock.local.jobs.database import JobDatabase
from penstock.local.jobs.readable_rows import BodyReader
from penstock.model.event import JobEvent


class SqliteJobEvents:
    """Table job_event of database.py, written with the steps of jobs.

    That an event was published may be forgotten in a power cut: it is published again then. One
    that can't be read is passed over.
    """

    def __init__(self, database: JobDatabase) -> None:
        self._database = database
        self._readable = BodyReader()

    def after(self, tenant: str, job_id: str, seq: int) -> list[JobEvent]:
        found = self._database.reads.rows(
            "SELECT body FROM job_event WHERE tenant = ? AND job_id = ? AND seq > ? ORDER BY seq",
            (tenant, job_id, seq),
        )
        read = (self._readable.event(body, tenant=tenant, job_id=job_id) for (body,) in found)
        return [event for event in read if event is not None]

    def unpublished(self, *, limit: int) -> list[JobEvent]:
        waiting: list[JobEvent] = []
        last = 0
        while True:
            wanted = limit - len(waiting)
            found = self._database.reads.rows(
                "SELECT number, tenant, job_id, body FROM job_event"
                " WHERE NOT published AND number > ? ORDER BY number LIMIT ?",
                (last, wanted),
            )
            for number, tenant, job_id, body in found:
                last = number
                event = self._readable.event(body, tenant=tenant, job_id=job_id)
                if event is not None:
                    waiting.append(event)
            if len(found) < wanted or len(waiting) >= limit:
                return waiting

    def published(self, event: JobEvent) -> None:
        with self._database.undurable() as connection:
            connection.execute(
                "UPDATE job_event SET published = 1 WHERE tenant = ? AND job_id = ? AND seq = ?",
                (event.tenant, event.job_id, event.seq),
            )
