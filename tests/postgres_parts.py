"""A real PostgreSQL for tests: databases of a test's own, and readers of them."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import conninfo

from penstock.exports.postgres import PostgresReader, Snapshot, TableQuery
from penstock.local.demo import database_use
from penstock.local.demo.database_server import OWNER, password


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """A running server, which listens on a socket alone."""

    sockets: str
    secret: str

    def connection_string(self, database: str = "postgres") -> str:
        """Say how the owner connects to a database."""
        return conninfo.make_conninfo(
            host=self.sockets, user=OWNER, password=self.secret, dbname=database, connect_timeout=10
        )

    @contextmanager
    def database(self, *statements: str) -> Iterator["PostgresDatabase"]:
        """Make a database for the body, by these statements."""
        name = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(self.connection_string(), autocommit=True) as owner:
            owner.execute(f"CREATE DATABASE {name}".encode())
            try:
                made = PostgresDatabase(connection_string=self.connection_string(name))
                made.execute(*statements)
                yield made
            finally:
                owner.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresDatabase:
    """One database, and its owner's connection string."""

    connection_string: str

    def execute(self, *statements: str) -> None:
        """Run statements, each on its own."""
        with psycopg.connect(self.connection_string, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def fetch(self, statement: str) -> list[tuple[Any, ...]]:
        """Give the rows of a statement."""
        with psycopg.connect(self.connection_string, autocommit=True) as connection:
            return connection.execute(statement.encode()).fetchall()

    @contextmanager
    def reader(self, **options: Any) -> Iterator[PostgresReader]:
        """Lend a reader of it."""
        reader = PostgresReader(self.connection_string, **options)
        try:
            yield reader
        finally:
            reader.close()

    @contextmanager
    def snapshot(self, **options: Any) -> Iterator[Snapshot]:
        """Lend a snapshot of it."""
        with self.reader(**options) as reader, reader.snapshot() as snapshot:
            yield snapshot

    def table(
        self, sql: str, *parameters: object, sort: Sequence[str] = (), **options: Any
    ) -> pa.Table:
        """Read a query whole."""
        query = TableQuery(sql=sql, parameters=parameters, sort=tuple(sort))
        with self.snapshot(**options) as snapshot:
            return pa.Table.from_batches(list(snapshot.read(query, cancelled=never)))


def never() -> bool:
    """Cancel nothing."""
    return False


@contextmanager
def running(folder: Path) -> Iterator[PostgresServer]:
    """Run a server on a folder for the body."""
    folder = folder.resolve()
    database_use.use(folder)
    try:
        sockets = database_use.ensure_started(folder)
        yield PostgresServer(sockets=sockets, secret=password(folder))
    finally:
        database_use.leave(folder)
