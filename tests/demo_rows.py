"""The demo's tables in a database of a test's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import psycopg
from psycopg import sql
from pyarrow import csv
from tests.postgres_parts import PostgresDatabase, PostgresServer

from penstock.local.demo.database_rows import rows_of
from penstock.local.demo.database_schema import AFTERWARDS, SCHEMA, TABLES


def fill_with_demo(database: PostgresDatabase) -> None:
    """Make the tables of the demo tenant, with all their rows."""
    rows = rows_of("demo")
    with (
        psycopg.connect(database.connection_string) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(SCHEMA.encode())
        for table in TABLES:
            made = rows[table]()
            text = BytesIO()
            csv.write_csv(made, text, csv.WriteOptions(include_header=False))
            names = sql.SQL(", ").join(sql.Identifier(name) for name in made.column_names)
            into = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)")
            with cursor.copy(into.format(sql.Identifier(table), names)) as sink:
                sink.write(text.getvalue())
        cursor.execute(AFTERWARDS.encode())


@contextmanager
def demo_database(server: PostgresServer) -> Iterator[PostgresDatabase]:
    """Make a database like the demo tenant's for the body."""
    with server.database() as database:
        fill_with_demo(database)
        yield database
