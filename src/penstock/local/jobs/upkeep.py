"""What a sweeper asks of jobs in SQLite."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import chain

from pydantic import TypeAdapter, ValidationError

from penstock.local.jobs.database import JobDatabase, microseconds, remove_job
from penstock.local.jobs.readable_rows import BodyReader
from penstock.model.job import Job
from penstock.ports import Observation

_PAGE_ROWS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    body: str
    observed: str | None
    tenant: str
    job_id: str


class SqliteJobUpkeep:
    """Tables of database.py; jobs are read a hundred at a time, and no lock is held between.

    A row that can't be read is passed over, and told of once by the log: it holds no other up.

    An observation may be forgotten in a power cut, in which its observer ended too.
    """

    def __init__(self, database: JobDatabase) -> None:
        self._database = database
        self._readable = BodyReader()

    def unfinished(self) -> Iterator[tuple[Job, Observation | None]]:
        for row in self._pages("NOT is_over", (), by=("tenant", "id")):
            job = self._job(row)
            if job is not None:
                yield job, _observation(row.observed)

    def observe(self, job: Job, observation: Observation) -> None:
        observed = _observation_json().dump_json(observation).decode()
        with self._database.undurable() as connection:
            connection.execute(
                "UPDATE job SET observed = ? WHERE tenant = ? AND id = ?",
                (observed, job.tenant, job.id),
            )

    def outdated(self, *, now: datetime, rows_before: datetime) -> Iterator[Job]:
        oldest = microseconds(rows_before)
        for row in chain(
            self._pages("is_over AND created < ?", (oldest,), by=("created", "tenant", "id")),
            self._pages(
                "expires <= ? AND created >= ?",
                (microseconds(now), oldest),
                by=("expires", "tenant", "id"),
            ),
        ):
            job = self._job(row)
            if job is not None:
                yield job

    def remove(self, tenant: str, job_id: str) -> None:
        with self._database.durable() as connection:
            connection.execute(
                "DELETE FROM job_event WHERE tenant = ? AND job_id = ?", (tenant, job_id)
            )
            remove_job(connection, tenant, job_id)

    def _job(self, row: _Row) -> Job | None:
        return self._readable.job(row.body, tenant=row.tenant, job_id=row.job_id)

    def _pages(self, where: str, values: Sequence[object], *, by: Sequence[str]) -> Iterator[_Row]:
        """Yield rows in the order of the columns `by`, which no two of them share."""
        order = ", ".join(by)
        beyond, last = "", ()
        while True:
            found = self._database.reads.rows(
                f"SELECT body, observed, tenant, id, {order} FROM job WHERE {where}{beyond}"
                f" ORDER BY {order} LIMIT ?",
                (*values, *last, _PAGE_ROWS),
            )
            for body, observed, tenant, job_id, *_ in found:
                yield _Row(body=body, observed=observed, tenant=tenant, job_id=job_id)
            if len(found) < _PAGE_ROWS:
                return
            beyond, last = f" AND ({order}) > ({', '.join('?' * len(by))})", found[-1][4:]


def _observation(observed: str | None) -> Observation | None:
    try:
        return None if observed is None else _observation_json().validate_json(observed)
    except ValidationError:
        # As if it had not been looked at: it is observed anew.
        return None


@cache
def _observation_json() -> TypeAdapter[Observation]:
    return TypeAdapter(Observation)
