"""The measured PostgreSQL: from its wheel, set as the demo's is, with one table of wide rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import psycopg
from psycopg import conninfo

from penstock.errors import SetupError
from penstock.local.demo import database_use
from penstock.local.demo.database_server import OWNER, password
from servers import BenchError

RECIPE = 1
"""Part of the databases' names, raised whenever the rows change: no stale table is measured."""

_ROWS = """
CREATE TABLE unfinished AS
SELECT
    i AS id,
    customer,
    quantity,
    'ORD-' || lpad(number::text, 9, '0') AS reference,
    net,
    (net * 1.19)::numeric(12, 2) AS gross,
    timestamptz '2020-01-01 00:00:00+00' + seconds * interval '1 second' AS placed_at,
    date '2020-01-31' + (seconds / 86400)::integer AS due,
    CASE WHEN quantity % 7 = 0 THEN NULL ELSE number % 3 = 0 END AS is_paid,
    CASE WHEN number % 2 = 0 THEN
        'Left at depot ' || customer % 900 || ', signed for by clerk ' || number % 90000
    END AS note
FROM (
    SELECT
        i,
        floor(random() * 90000)::integer AS customer,
        floor(random() * 400)::integer AS quantity,
        floor(random() * 900000000)::bigint AS number,
        (floor(random() * 9000000) / 100)::numeric(12, 2) AS net,
        floor(random() * 190000000) AS seconds
    FROM generate_series(1::bigint, {rows}) AS i
) AS drawn
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WideTable:
    """One database with its table, and what must come out of it."""

    connection_string: str
    rows: int
    net: Decimal
    """The sum of a column of decimals, exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server; every table is a database of its own."""

    sockets: str
    secret: str

    def table(self, rows: int) -> WideTable:
        """Make a table of so many rows, or take the one that an earlier run made."""
        name = f"rows_{rows}_recipe_{RECIPE}"
        with self._connected("postgres") as owner:
            found = owner.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            if found.fetchone() is None:
                owner.execute(f"CREATE DATABASE {name}".encode())
        with self._connected(name) as owner:
            found = owner.execute("SELECT to_regclass('wide_rows')::text")
            if found.fetchone() == (None,):
                _fill(owner, rows)
            net = owner.execute("SELECT sum(net) FROM wide_rows").fetchone()
        if net is None:
            raise BenchError("the table has no sum")
        return WideTable(connection_string=self._string(name), rows=rows, net=Decimal(str(net[0])))

    def _string(self, database: str) -> str:
        return conninfo.make_conninfo(
            host=self.sockets, user=OWNER, password=self.secret, dbname=database, connect_timeout=10
        )

    @contextmanager
    def _connected(self, database: str) -> "Iterator[psycopg.Connection[tuple[object, ...]]]":
        with psycopg.connect(self._string(database), autocommit=True) as connection:
            yield connection


@contextmanager
def postgres(folder: Path) -> Iterator[Server]:
    """Run the server on a folder for the body; its tables stay there for the next run.

    Raises BenchError if it can't be started.
    """
    folder = folder.resolve()
    try:
        database_use.use(folder)
        sockets = database_use.ensure_started(folder)
    except SetupError as error:
        raise BenchError(error.detail) from error
    try:
        yield Server(sockets=sockets, secret=password(folder))
    finally:
        database_use.leave(folder)


def _fill(owner: "psycopg.Connection[tuple[object, ...]]", rows: int) -> None:
    owner.execute("DROP TABLE IF EXISTS unfinished")
    # The same rows in each run, and on each machine with this version of PostgreSQL.
    owner.execute("SELECT setseed(0.25)")
    owner.execute(_ROWS.format(rows=rows).encode())
    owner.execute("ALTER TABLE unfinished ADD PRIMARY KEY (id)")
    owner.execute("VACUUM (FREEZE, ANALYZE) unfinished")
    # Last of all: a table of this name is whole.
    owner.execute("ALTER TABLE unfinished RENAME TO wide_rows")
