"""Receipts in SQLite."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from penstock.errors import UnknownReceiptError
from penstock.local.database import Database
from penstock.model.receipt import RECEIPT_KEPT, Receipt

_SCHEMA = """
CREATE TABLE IF NOT EXISTS receipt (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    etag TEXT NOT NULL,
    complete INTEGER NOT NULL,
    started INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX IF NOT EXISTS receipt_by_etag ON receipt (tenant, etag, started) WHERE complete;
CREATE INDEX IF NOT EXISTS receipt_by_age ON receipt (started)
"""

_PURGE_EVERY = 16
_PURGE_ROWS = 64
"""More than are added between two purges, so that what is too old can't pile up."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SqliteReceipts:
    """Table receipt(tenant, id, etag, complete, started, body); the body is the receipt as JSON.

    A receipt's age counts from `started`. Every 16th `put` removes at most 64 that are too old.
    """

    def __init__(self, path: Path, *, now: Callable[[], datetime]) -> None:
        self._now = now
        self._puts = 0
        self._database = Database(path, schema=_SCHEMA, durable=False)

    def put(self, receipt: Receipt) -> None:
        body = _json().dump_json(receipt).decode()
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO receipt (tenant, id, etag, complete, started, body)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    receipt.tenant,
                    receipt.id,
                    receipt.etag,
                    receipt.state == "complete",
                    _microseconds(receipt.started),
                    body,
                ),
            )
            if self._puts % _PURGE_EVERY == 0:
                connection.execute(
                    "DELETE FROM receipt WHERE rowid IN"
                    " (SELECT rowid FROM receipt WHERE started <= ? LIMIT ?)",
                    (self._oldest(), _PURGE_ROWS),
                )
            self._puts += 1

    def get(self, tenant: str, receipt_id: str) -> Receipt:
        found = self._database.rows(
            "SELECT body FROM receipt WHERE tenant = ? AND id = ? AND started > ?",
            (tenant, receipt_id, self._oldest()),
        )
        if not found:
            raise UnknownReceiptError
        return _json().validate_json(found[0][0])

    def completed(self, tenant: str, etag: str) -> Receipt | None:
        found = self._database.rows(
            "SELECT body FROM receipt WHERE complete AND tenant = ? AND etag = ? AND started > ?"
            " ORDER BY started DESC LIMIT 1",
            (tenant, etag, self._oldest()),
        )
        return _json().validate_json(found[0][0]) if found else None

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _oldest(self) -> int:
        return _microseconds(self._now() - RECEIPT_KEPT)


def _microseconds(when: datetime) -> int:
    return (when - _EPOCH) // timedelta(microseconds=1)


@cache
def _json() -> TypeAdapter[Receipt]:
    return TypeAdapter(Receipt)
