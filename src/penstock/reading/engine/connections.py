"""Connections to the engine's database that are set up before its settings are locked."""

from collections import deque

import duckdb

_BUFFER_BYTES = 65_536
"""What a query reads before it gives its first batch, and then keeps ready: a few vectors of rows.
The engine's own megabyte delays the first byte by as much as all the rest together."""


class Connections:
    """Lends connections, each to one query at a time; thread-safe.

    `count` of them are kept. More are made when all are lent; those have the engine's own buffer,
    which can't be set once settings are locked, and are closed when they come back.
    """

    def __init__(self, database: duckdb.DuckDBPyConnection, *, count: int) -> None:
        self._database = database
        self._kept = tuple(database.cursor() for _ in range(count))
        for connection in self._kept:
            connection.execute(f"SET streaming_buffer_size = '{_BUFFER_BYTES}B'")
        self._idle = deque(self._kept)

    def take(self) -> duckdb.DuckDBPyConnection:
        """Give a connection that no query uses."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._database.cursor()

    def give_back(self, connection: duckdb.DuckDBPyConnection, *, finished: bool) -> None:
        """Take a connection back, its query read to the end or not."""
        if not any(connection is kept for kept in self._kept):
            connection.close()
            return
        if not finished:
            # Files that a query had open stay so until the next one begins.
            connection.execute("SELECT 1").fetchall()
        self._idle.append(connection)

    def aside(self) -> duckdb.DuckDBPyConnection:
        """Give a connection for a short question, to be closed by the one who asks."""
        return self._database.cursor()

    def close(self) -> None:
        """Close the connections that are kept; a query that runs on one fails."""
        for connection in self._kept:
            connection.close()
