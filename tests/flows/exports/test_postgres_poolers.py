"""Reading through a pooler that lends a session of the server's for one transaction."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import psycopg
import pytest
from tests.postgres_parts import PostgresDatabase, PostgresServer, never
from tests.transaction_pooler import pooled

from penstock.exports.postgres import PostgresReader, Snapshot, TableQuery

Found = TypeVar("Found")

ROWS = 2_000
EXPORTS = 8
"""Enough for a statement to be prepared by a driver that does so from the fifth time on."""
QUERY = TableQuery(sql="SELECT id FROM item WHERE id > %s", parameters=(0,), sort=("id",))


@pytest.fixture(scope="module")
def database(postgres: PostgresServer) -> Iterator[PostgresDatabase]:
    with postgres.database(
        "CREATE TABLE item (id int PRIMARY KEY)",
        f"INSERT INTO item SELECT generate_series(1, {ROWS})",
    ) as made:
        yield made


@pytest.fixture
def through(database: PostgresDatabase) -> Iterator[PostgresDatabase]:
    with pooled(database.connection_string, connections=4) as pooler:
        yield PostgresDatabase(connection_string=pooler.connection_string)


def ids(snapshot: Snapshot, query: TableQuery = QUERY) -> list[int]:
    return [
        value
        for batch in snapshot.read(query, cancelled=never)
        for value in batch.column("id").to_pylist()
    ]


def test_two_workers_read_again_and_again_through_a_pooler(through: PostgresDatabase) -> None:
    whole = list(range(1, ROWS + 1))
    with through.reader() as one, through.reader() as other:
        for reader in (one, other) * EXPORTS:
            with reader.snapshot() as snapshot:
                assert snapshot.count(QUERY) == ROWS
                assert snapshot.schema(QUERY).names == ["id"]
                parts = [ids(snapshot, part) for part in snapshot.ranges(QUERY, "id", 3)]
            assert [value for part in parts for value in part] == whole


def test_a_snapshot_is_shared_through_a_pooler(
    through: PostgresDatabase, database: PostgresDatabase
) -> None:
    with through.reader() as one, through.reader() as other, one.snapshot() as snapshot:
        database.execute("INSERT INTO item VALUES (0)", "DELETE FROM item WHERE id = 7")
        try:
            for _ in range(EXPORTS):
                with other.join(snapshot.name) as joined:
                    assert ids(joined) == list(range(1, ROWS + 1))
        finally:
            database.execute("INSERT INTO item VALUES (7)", "DELETE FROM item WHERE id = 0")


def test_nothing_that_a_read_sets_stays_in_a_session(database: PostgresDatabase) -> None:
    asked = (
        "SELECT name, setting FROM pg_settings"
        " WHERE source = 'session' AND name NOT LIKE 'transaction%' ORDER BY name"
    )
    with pooled(database.connection_string, connections=2) as pooler:
        through = PostgresDatabase(connection_string=pooler.connection_string)
        # With two sessions, a turn of each.
        before = [through.fetch(asked) for _ in range(2)]
        with through.reader() as reader, reader.snapshot() as snapshot:
            ids(snapshot)
        assert [through.fetch(asked) for _ in range(2)] == before


def test_a_session_that_was_let_go_of_is_not_cancelled(database: PostgresDatabase) -> None:
    """Its process serves somebody else by now."""
    few = TableQuery(sql="SELECT id FROM item WHERE id <= 300", sort=("id",))
    with (
        pooled(database.connection_string, connections=3) as pooler,
        contextlib.closing(PostgresReader(pooler.connection_string, batch_rows=100)) as reader,
        psycopg.connect(pooler.connection_string, autocommit=True) as other,
        reader.snapshot() as snapshot,
    ):
        batches = snapshot.read(few, cancelled=never)
        # One is here and two wait: the thread has read all, and can't say so yet.
        next(batches)
        left = until(lambda: sessions(database, "COMMIT"))
        until(lambda: begins_in(other, left[0]))
        with ThreadPoolExecutor() as threads:
            asked = threads.submit(other.execute, "SELECT pg_sleep(2)")
            until(lambda: sessions(database, "SELECT pg_sleep%", state="active"))
            assert isinstance(batches, Iterator)
            batches.close()  # type: ignore[attr-defined] # a generator, as Snapshot.read says
            # One that was cancelled raises.
            asked.result(60)
        other.execute("ROLLBACK")


def test_a_read_can_be_left_though_no_session_is_free_to_cancel_it(
    database: PostgresDatabase,
) -> None:
    endless = TableQuery(sql="SELECT generate_series(1, 2000000000) AS id")
    with (
        pooled(database.connection_string, connections=2) as pooler,
        contextlib.closing(PostgresReader(pooler.connection_string)) as reader,
    ):
        with reader.snapshot() as snapshot:
            batches = snapshot.read(endless, cancelled=never)
            next(batches)
            assert isinstance(batches, Iterator)
            leaving = threading.Thread(target=batches.close, daemon=True)  # type: ignore[attr-defined] # a generator, as Snapshot.read says
            leaving.start()
            leaving.join(60)
            assert not leaving.is_alive()
        # The session of the snapshot is free now, and serves the cancel.
        until(lambda: not sessions(database, "COPY%", state="active"))


def sessions(database: PostgresDatabase, query: str, *, state: str = "idle") -> list[int]:
    """Give the processes whose last query is like this one."""
    found = database.fetch(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        f" AND state = '{state}' AND query LIKE '{query}'"
    )
    return [process for (process,) in found]


def begins_in(connection: "psycopg.Connection[tuple[object, ...]]", process: int) -> bool:
    """Begin a transaction, if the pooler gives it the session of this process."""
    connection.execute("BEGIN")
    given = connection.execute("SELECT pg_backend_pid()").fetchone()
    if given == (process,):
        return True
    connection.execute("ROLLBACK")
    return False


def until(condition: Callable[[], Found]) -> Found:
    latest = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < latest, "waited too long"
        time.sleep(0.02)
    return found
