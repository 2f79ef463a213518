"""Readers of tenants' databases, kept between the exports of one process."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from penstock.exports.postgres import PostgresReader
from penstock.ports import Databases


@dataclass(slots=True)
class _Kept:
    connection_string: str
    reader: PostgresReader
    users: int = 0


class TenantReaders:
    """Lends the reader of a tenant's own database, and never another's. Safe between threads.

    The `most` last used are kept with their connections; how to connect is looked up each time, and
    where it changed, the reader of before is left as it is to those who still use it.
    """

    def __init__(
        self, databases: Databases, *, most: int = 4, statement_seconds: float = 3600
    ) -> None:
        self._databases = databases
        self._most = most
        self._statement_seconds = statement_seconds
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._left: list[_Kept] = []

    @contextmanager
    def lend(self, tenant: str) -> Iterator[PostgresReader]:
        """Lend a tenant's reader to the body.

        Raises NoDatabaseError, BusyError, and PermanentError where what is set up can't be used.
        """
        found = self._databases.connection_string(tenant)
        with self._lock:
            kept = self._of(tenant, found)
            kept.users += 1
        try:
            yield kept.reader
        finally:
            with self._lock:
                kept.users -= 1
                self._end_unused()

    def close(self) -> None:
        """End all connections that nobody uses, and others once they are given back."""
        with self._lock:
            self._left += self._kept.values()
            self._kept.clear()
            self._end_unused()

    def _of(self, tenant: str, connection_string: str) -> _Kept:
        kept = self._kept.pop(tenant, None)
        if kept is None or kept.connection_string != connection_string:
            if kept is not None:
                self._left.append(kept)
            reader = PostgresReader(connection_string, statement_seconds=self._statement_seconds)
            kept = _Kept(connection_string, reader)
        self._kept[tenant] = kept
        while len(self._kept) > self._most:
            self._left.append(self._kept.popitem(last=False)[1])
        self._end_unused()
        return kept

    def _end_unused(self) -> None:
        for kept in [kept for kept in self._left if kept.users == 0]:
            self._left.remove(kept)
            kept.reader.close()
