"""A database that fails, or a job that is cancelled, ends a read as it should."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
from tests.postgres_parts import PostgresDatabase, PostgresServer, never

from penstock.errors import JobCancelledError, PermanentError, RecoverableError
from penstock.exports.postgres import PostgresReader, TableQuery

MANY = TableQuery(sql="SELECT i AS id, repeat('x', 100) AS x FROM generate_series(1, 5000000) AS i")
LONG = TableQuery(
    sql="SELECT count(*) AS n FROM generate_series(1, 100000) a, generate_series(1, 100000) b"
)
OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE pid <> pg_backend_pid() AND datname = current_database()"
)
_SECRET = "hunter2secret"


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[PostgresDatabase]:
    with postgres.database() as made:
        yield made


def running(database: PostgresDatabase) -> list[str]:
    return [
        row[0]
        for row in database.fetch(
            "SELECT query FROM pg_stat_activity WHERE datname = current_database()"
            " AND state = 'active' AND query LIKE 'COPY%'"
        )
    ]


def until(condition: Callable[[], bool]) -> None:
    latest = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < latest, "waited too long"
        time.sleep(0.02)


def test_a_cancelled_read_ends_while_it_waits_for_its_first_row(
    database: PostgresDatabase,
) -> None:
    with database.snapshot() as snapshot, pytest.raises(JobCancelledError):
        list(snapshot.read(LONG, cancelled=lambda: bool(running(database))))
    assert running(database) == []


def test_a_cancelled_read_ends_between_two_batches(database: PostgresDatabase) -> None:
    is_cancelled = threading.Event()
    with database.snapshot() as snapshot:
        batches = snapshot.read(MANY, cancelled=is_cancelled.is_set)
        next(batches)
        assert running(database)
        is_cancelled.set()
        with pytest.raises(JobCancelledError):
            list(batches)
        until(lambda: not running(database))
        # The snapshot itself goes on.
        assert snapshot.count(TableQuery(sql="SELECT 1 AS x")) == 1


def test_a_read_that_is_left_early_ends_on_the_server(database: PostgresDatabase) -> None:
    with database.snapshot() as snapshot:
        batches = snapshot.read(MANY, cancelled=never)
        next(batches)
        assert isinstance(batches, Iterator)
        batches.close()  # type: ignore[attr-defined] # a generator, as Snapshot.read says
        until(lambda: not running(database))
    assert not [thread for thread in threading.enumerate() if thread.name == "penstock-copy"]


def read(database: PostgresDatabase, query: TableQuery, then: str | None = None) -> int:
    """Count rows; `then` is done once the first batch is here."""
    rows = 0
    with database.snapshot() as snapshot:
        for batch in snapshot.read(query, cancelled=never):
            rows += batch.num_rows
            if then is not None:
                database.execute(then)
                then = None
    return rows


def read_without_coordinator(database: PostgresDatabase) -> None:
    with database.snapshot() as snapshot:
        database.execute(OTHERS)
        list(snapshot.read(MANY, cancelled=never))


def test_a_database_that_goes_in_mid_read_is_a_recoverable_error(
    database: PostgresDatabase,
) -> None:
    with pytest.raises(RecoverableError, match="lost"):
        read(database, MANY, then=OTHERS)


def test_a_lost_coordinator_is_a_recoverable_error(database: PostgresDatabase) -> None:
    with pytest.raises(RecoverableError, match="lost"):
        read_without_coordinator(database)


def test_a_reader_works_again_after_its_database_was_lost(database: PostgresDatabase) -> None:
    query = TableQuery(sql="SELECT 1 AS x")
    with database.reader() as reader:
        with reader.snapshot() as snapshot:
            list(snapshot.read(query, cancelled=never))
        database.execute(OTHERS)
        # What was used a moment ago isn't looked at: one attempt may fail for it.
        for _ in range(2):
            with contextlib.suppress(RecoverableError), reader.snapshot() as snapshot:
                list(snapshot.read(query, cancelled=never))
        with reader.snapshot() as snapshot:
            assert len(list(snapshot.read(query, cancelled=never))) == 1


def test_a_query_that_takes_too_long_is_a_recoverable_error(database: PostgresDatabase) -> None:
    with (
        pytest.raises(RecoverableError, match="ended the query"),
        database.snapshot(statement_seconds=0.3) as snapshot,
    ):
        list(snapshot.read(LONG, cancelled=never))


def test_a_locked_table_is_a_recoverable_error(postgres: PostgresServer) -> None:
    with (
        postgres.database("CREATE TABLE t (x int)") as database,
        locked(database, "t"),
        pytest.raises(RecoverableError, match="locked"),
        database.snapshot(lock_seconds=0.2) as snapshot,
    ):
        list(snapshot.read(TableQuery(sql="SELECT x FROM t"), cancelled=never))


@contextlib.contextmanager
def locked(database: PostgresDatabase, table: str) -> Iterator[None]:
    with psycopg.connect(database.connection_string) as connection:
        connection.execute(f"LOCK TABLE {table}".encode())
        yield


def test_a_value_that_cannot_be_held_ends_the_read_in_its_middle(
    database: PostgresDatabase,
) -> None:
    query = TableQuery(
        sql="SELECT CASE WHEN i = 900000 THEN 'NaN' ELSE 1.5 END::numeric(5, 2) AS x"
        " FROM generate_series(1, 1000000) AS i"
    )
    with pytest.raises(PermanentError, match="“x”"):
        read(database, query)
    until(lambda: not running(database))


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("1 / (900000 - i)", "22012"),
        ("CASE WHEN i = 900000 THEN 'x' ELSE '1' END::int", "22P02"),
        ("refused(i)", "P0001"),
        ("(SELECT n FROM (VALUES (1), (i - 899999)) AS v (n) WHERE n = 1)", "21000"),
    ],
)
def test_a_row_that_can_not_be_made_fails_for_good_in_mid_read(
    postgres: PostgresServer, value: str, code: str
) -> None:
    """Another attempt would read as far, and fail at the same row."""
    function = (
        "CREATE FUNCTION refused(i int) RETURNS int LANGUAGE plpgsql AS"
        " 'BEGIN IF i = 900000 THEN RAISE ''secret %'', i; END IF; RETURN i; END'"
    )
    query = TableQuery(sql=f"SELECT {value} AS x FROM generate_series(1, 1000000) AS i")
    with postgres.database(function) as database:
        with pytest.raises(PermanentError) as raised:
            read(database, query)
        assert raised.value.facts["sqlstate"] == code
        assert "secret" not in raised.value.detail
        until(lambda: not running(database))


def test_a_wrong_password_is_not_told(postgres: PostgresServer) -> None:
    wrong = f"host={postgres.sockets} user=nobody_here password={_SECRET} dbname=postgres"
    reader = PostgresReader(wrong)
    with pytest.raises(RecoverableError, match="refuses") as raised, reader.snapshot():
        pass
    assert raised.value.__cause__ is None
    for hidden in (_SECRET, "nobody_here", postgres.sockets):
        assert hidden not in f"{raised.value!r} {raised.value.facts}"
    reader.close()


def test_a_server_that_is_not_there_is_a_recoverable_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    reader = PostgresReader(f"host=127.0.0.1 port={port} user=u dbname=d")
    with pytest.raises(RecoverableError, match="can't be reached"), reader.snapshot():
        pass


def test_nothing_is_told_to_a_server_without_tls() -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            line, _ = server.accept()
            with line:
                line.settimeout(30)
                heard.append(line.recv(1024))
                line.sendall(b"N")
                heard.append(line.recv(1024))

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        reader = PostgresReader(
            f"host=127.0.0.1 port={server.getsockname()[1]} user=u password={_SECRET} dbname=d"
            " sslmode=verify-full sslrootcert=system"
        )
        with pytest.raises(RecoverableError, match="TLS"), reader.snapshot():
            pass
        thread.join(30)
    # SSLRequest of PostgreSQL's protocol (its manual, “Message Formats”), and no more.
    assert heard == [struct.pack("!ii", 8, 80877103), b""]
