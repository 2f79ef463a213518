"""A database whose order lines are so many that they are read in ranges."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.postgres_parts import PostgresDatabase, PostgresServer

ROWS = 360_000
LINES_OF_AN_ORDER = 3

_ORDERS = ROWS // LINES_OF_AN_ORDER
_TABLES = (
    """
    CREATE TYPE order_status AS ENUM ('placed', 'sent');
    CREATE TABLE customer_order (
        id bigint PRIMARY KEY, customer_id bigint NOT NULL, placed_at timestamptz NOT NULL,
        status order_status NOT NULL, currency char(3) NOT NULL
    );
    CREATE TABLE order_line (
        order_id bigint NOT NULL, line smallint NOT NULL, product text NOT NULL,
        quantity integer NOT NULL, unit_price numeric(10, 2) NOT NULL,
        amount numeric(12, 2) NOT NULL
    )
    """,
    f"""
    INSERT INTO customer_order
    SELECT n, n % 97, timestamptz '2024-01-01' + n * interval '1 s', 'sent', 'GBP'
    FROM generate_series(1, {_ORDERS}) AS n
    """,
    # In another order than that of the key.
    f"""
    INSERT INTO order_line
    SELECT
        n, line, 'product ' || n % 31, n % 7 + 1, (n % 1000) / 100.0,
        (n % 1000) * (n % 7 + 1) / 100.0
    FROM generate_series({_ORDERS}, 1, -1) AS n, generate_series(1, {LINES_OF_AN_ORDER}) AS line
    """,
    "ALTER TABLE order_line ADD PRIMARY KEY (order_id, line)",
    "ANALYZE",
)


@contextmanager
def large_orders(server: PostgresServer) -> Iterator[PostgresDatabase]:
    """Make the database for the body."""
    with server.database(*_TABLES) as database:
        yield database


def lose_first_snapshot(database: PostgresDatabase) -> None:
    """End the session that has held its snapshot for longest, as a server does that restarts."""
    ((ended,),) = database.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
        " ORDER BY xact_start LIMIT 1"
    )
    assert ended
