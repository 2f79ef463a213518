"""What a sweeper asks of jobs in SQLite."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache

from pydantic import TypeAdapter

from penstock.local.job_database import JobDatabase, job_json, microseconds, remove_job
from penstock.model.job import Job
from penstock.ports import Observation

_PAGE_ROWS = 100


class SqliteJobUpkeep:
    """Tables of job_database.py; jobs are read a hundred at a time, and no lock is held between.

    An observation may be forgotten in a power cut, in which its observer ended too.
    """

    def __init__(self, database: JobDatabase) -> None:
        self._database = database

    def unfinished(self) -> Iterator[tuple[Job, Observation | None]]:
        for body, observed in self._pages("NOT is_over", (), by=("tenant", "id")):
            observation = None if observed is None else _observation_json().validate_json(observed)
            yield job_json().validate_json(body), observation

    def observe(self, job: Job, observation: Observation) -> None:
        observed = _observation_json().dump_json(observation).decode()
        with self._database.word() as connection:
            connection.execute(
                "UPDATE job SET observed = ? WHERE tenant = ? AND id = ?",
                (observed, job.tenant, job.id),
            )

    def outdated(self, *, now: datetime, rows_before: datetime) -> Iterator[Job]:
        oldest = microseconds(rows_before)
        for body, _ in self._pages(
            "is_over AND created < ?", (oldest,), by=("created", "tenant", "id")
        ):
            yield job_json().validate_json(body)
        for body, _ in self._pages(
            "expires <= ? AND created >= ?",
            (microseconds(now), oldest),
            by=("expires", "tenant", "id"),
        ):
            yield job_json().validate_json(body)

    def remove(self, tenant: str, job_id: str) -> None:
        with self._database.step() as connection:
            connection.execute(
                "DELETE FROM job_event WHERE tenant = ? AND job_id = ?", (tenant, job_id)
            )
            remove_job(connection, tenant, job_id)

    def _pages(
        self, where: str, values: Sequence[object], *, by: Sequence[str]
    ) -> Iterator[tuple[str, str | None]]:
        """Yield (body, observed) in the order of the columns `by`, which no two rows share."""
        order = ", ".join(by)
        beyond, last = "", ()
        while True:
            found = self._database.reads.rows(
                f"SELECT body, observed, {order} FROM job WHERE {where}{beyond}"
                f" ORDER BY {order} LIMIT ?",
                (*values, *last, _PAGE_ROWS),
            )
            for body, observed, *_ in found:
                yield body, observed
            if len(found) < _PAGE_ROWS:
                return
            beyond, last = f" AND ({order}) > ({', '.join('?' * len(by))})", found[-1][2:]


@cache
def _observation_json() -> TypeAdapter[Observation]:
    return TypeAdapter(Observation)
