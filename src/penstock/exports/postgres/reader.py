"""Reader of one tenant's database: connections, and snapshots that reads share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pyarrow as pa
from psycopg import conninfo

from penstock.errors import JobError, PermanentError
from penstock.exports.postgres import columns, failures, ranges, statements, streaming
from penstock.exports.postgres.columns import Column
from penstock.exports.postgres.connections import verified
from penstock.exports.postgres.driver import DriverError, ReadConnection
from penstock.exports.postgres.pool import Pool
from penstock.exports.postgres.query import TableQuery

Connection = psycopg.Connection[tuple[object, ...]]

COUNTED_ROWS = 100_000
"""Up to here, by the planner's guess, rows are counted; beyond, the guess is given."""


class PostgresReader:
    """Reads one tenant's database, on at most `readers` connections and as many beside them.

    Connections are made when needed and looked at before they are used again. One query runs for at
    most `statement_seconds`, as does a snapshot between two uses of it. Safe between threads.

    Raises PermanentError as connections.verified, before anything is connected to.
    """

    def __init__(
        self,
        connection_string: str,
        *,
        batch_rows: int = 8192,
        readers: int = 4,
        application: str = "penstock",
        connect_seconds: int = 10,
        statement_seconds: float = 3600,
        lock_seconds: float = 10,
    ) -> None:
        self._parameters = conninfo.make_conninfo(
            **verified(connection_string, application=application, connect_seconds=connect_seconds)
        )
        self._batch_rows = batch_rows
        self._settings = statements.settings(
            statement_seconds=statement_seconds, lock_seconds=lock_seconds
        )
        self._controls: Pool[Connection] = Pool(
            connect=self._connect_control,
            is_alive=_is_alive,
            close=Connection.close,
            most=readers + 4,  # snapshots, and what ends their reads
            wait_seconds=connect_seconds,
        )
        self._readers: Pool[ReadConnection] = Pool(
            connect=self._connect_reader,
            is_alive=ReadConnection.is_alive,
            close=ReadConnection.close,
            most=readers,
            wait_seconds=connect_seconds,
        )

    def close(self) -> None:
        """End all connections."""
        self._readers.close()
        self._controls.close()

    @contextmanager
    def snapshot(self) -> Iterator["Snapshot"]:
        """Hold one snapshot for the body, which all its reads see.

        Raises RecoverableError if the database is out of reach.
        """
        with self._transaction(None) as (connection, name):
            yield Snapshot(self, connection, name)

    @contextmanager
    def join(self, name: str) -> Iterator["Snapshot"]:
        """See the snapshot of this name for the body, which a reader elsewhere still holds.

        Raises RecoverableError if that one has ended, or the database is out of reach.
        """
        with self._transaction(name) as (connection, _):
            yield Snapshot(self, connection, name)

    @contextmanager
    def _transaction(self, name: str | None) -> Iterator[tuple[Connection, str]]:
        connection = self._controls.take()
        is_left = False
        try:
            joined = self._begin(connection, name)
            yield connection, joined
            connection.execute("ROLLBACK")
            is_left = True
        except psycopg.Error as error:
            raise failures.of_statement(error) from error
        finally:
            if is_left:
                self._controls.give_back(connection)
            else:
                self._controls.drop(connection)

    def _begin(self, connection: Connection, name: str | None) -> str:
        connection.execute(statements.BEGIN)
        if name is not None:
            try:
                connection.execute(statements.join(name).encode())
            except psycopg.Error as error:
                raise failures.of_snapshot(error) from error
        connection.execute(self._settings.encode())
        if name is not None:
            return name
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        return "" if row is None else str(row[0])

    def stream(
        self, columns: list[Column], select: str, *, name: str, cancelled: Callable[[], bool]
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a SELECT as a snapshot sees them; for Snapshot."""
        connection = self._readers.take()
        copy = streaming.CopyQuery(
            begin=statements.BEGUN,
            join=statements.join(name),
            settings=self._settings,
            select=select,
            columns=columns,
            batch_rows=self._batch_rows,
        )
        stream = streaming.Stream(connection, copy, cancel=self._cancel)
        is_done = False
        try:
            yield from stream.batches(cancelled)
            is_done = True
        finally:
            if is_done:
                self._readers.give_back(connection)
            else:
                self._readers.drop(connection, close=stream.end())

    def _cancel(self, process: int) -> bool:
        # On a connection of its own: libpq's request to cancel goes unencrypted.
        try:
            with self._controls.lend() as connection:
                connection.execute("SELECT pg_cancel_backend(%s)", [process])
        except (psycopg.Error, JobError):
            return False  # the database is out of reach, and so the read ends too
        return True

    def _connect_control(self) -> Connection:
        try:
            # Behind a pooler the next transaction may be another session's, which knows no
            # statement that was prepared in this one.
            return psycopg.connect(self._parameters, autocommit=True, prepare_threshold=None)
        except psycopg.Error as error:
            raise failures.of_connecting(error) from None  # its text names the host and the user

    def _connect_reader(self) -> ReadConnection:
        try:
            return ReadConnection(self._parameters)
        except (DriverError, OSError) as error:
            raise failures.of_connecting(error) from None  # the same


class Snapshot:
    """One REPEATABLE READ, READ ONLY snapshot of the database, for any number of reads at once."""

    def __init__(self, reader: PostgresReader, connection: Connection, name: str) -> None:
        self._reader = reader
        self._connection = connection
        self.name = name
        """What other readers of the same database join it by, while it is held."""

    def read(self, query: TableQuery, *, cancelled: Callable[[], bool]) -> Iterator[pa.RecordBatch]:
        """Yield the rows in the order of `query.sort`, with the types that columns.py lists.

        At least one batch, maybe of no rows, tells the schema. Lazy: at most `batch_rows` rows a
        batch, of about 1 MiB together with its neighbours, and four such at once (one here, two
        waiting, one being made), however many rows there are. Leaving early, or `cancelled`, ends
        the query on the server within a second.

        Raises JobCancelledError; RecoverableError if the database or the snapshot is lost, or a
        query took too long; PermanentError if the query can't be answered, gives columns that an
        export can't hold, or meets a value that a column's type has not.
        """
        text, given = self._described(query)
        select = ", ".join(
            expression
            for column in given
            for expression in (column.select, column.dimensions)
            if expression is not None
        )
        order = ", ".join(
            f"{ranges.ordered(_named(given, name))} NULLS LAST" for name in query.sort
        )
        whole = f"SELECT {select} FROM (\n{text}\n) AS q" + (f" ORDER BY {order}" if order else "")
        yield from self._reader.stream(given, whole, name=self.name, cancelled=cancelled)

    def look(self) -> None:
        """Return if the snapshot is still held, which is a use of it, too.

        Raises RecoverableError if it was lost.
        """
        try:
            self._connection.execute("SELECT 1")
        except psycopg.Error as error:
            raise failures.of_snapshot(error) from error

    def schema(self, query: TableQuery) -> pa.Schema:
        """Give the schema of the batches of `read`, without a row read. Raises as `read`."""
        return pa.schema([(column.name, column.type) for column in self._described(query)[1]])

    def count(self, query: TableQuery) -> int:
        """Count the rows up to about COUNTED_ROWS; of more, give what the planner guesses.

        Raises RecoverableError and PermanentError as `read`.
        """
        return self._count(self._text(query))

    def ranges(self, query: TableQuery, key: str, n: int) -> list[TableQuery]:
        """Split a query by ranges of a column into 1 to `n` of about equally many rows.

        Each row is in just one of them; rows without a key are in the last. They are in ascending
        order of the key: if it is the first of `query.sort`, their rows one after another are
        sorted. Integers, texts, dates, moments and UUIDs are keys. Reads every key once.

        Raises RecoverableError and PermanentError as `read`.
        """
        text, given = self._described(query)
        column = _named(given, key)
        if n <= 1:
            return [query]
        try:
            keys = ranges.bounds(self._connection, text, column, n=n, rows=self._count(text))
        except psycopg.Error as error:
            raise failures.of_statement(error) from error
        return ranges.between(query, column, keys)

    def _described(self, query: TableQuery) -> tuple[str, list[Column]]:
        text = self._text(query)
        try:
            return text, columns.describe(self._connection, text)
        except psycopg.Error as error:
            raise failures.of_statement(error) from error

    def _text(self, query: TableQuery) -> str:
        try:
            return statements.text_of(self._connection, query)
        except psycopg.OperationalError as error:
            raise failures.of_statement(error) from error
        except psycopg.Error as error:
            raise PermanentError("The export's query and its values don't fit together.") from error

    def _count(self, text: str) -> int:
        try:
            plan = self._connection.execute(f"EXPLAIN (FORMAT JSON)\n{text}".encode()).fetchone()
            guessed = _planned_rows(plan)
            if guessed > COUNTED_ROWS:
                return guessed
            row = self._connection.execute(
                f"SELECT count(*) FROM (\n{text}\n) AS q".encode()
            ).fetchone()
        except psycopg.Error as error:
            raise failures.of_statement(error) from error
        return int(str(row[0])) if row else guessed


def _planned_rows(row: tuple[object, ...] | None) -> int:
    match row:
        case ([{"Plan": {"Plan Rows": int(rows)}}],):
            return rows
        case _:
            return 0


def _named(given: list[Column], name: str) -> Column:
    for column in given:
        if column.name == name:
            return column
    raise PermanentError(f"The export's query gives no column “{name}”.", column=name)


def _is_alive(connection: Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True
