"""The statements of a snapshot, apart from its reads: how it begins, and what it is set to."""

import re
from collections.abc import Mapping

import psycopg

from penstock.errors import PermanentError
from penstock.exports.postgres.query import TableQuery

_NAME = re.compile(r"[0-9A-F]{1,16}(-[0-9A-F]{1,16}){1,3}")

_KIND = "ISOLATION LEVEL REPEATABLE READ READ ONLY"
BEGIN = f"BEGIN {_KIND}"
BEGUN = f"SET TRANSACTION {_KIND}"
"""The same, as the first statement of a transaction that a driver begins by itself."""


def settings(*, statement_seconds: float, lock_seconds: float) -> str:
    """Give the SELECT that sets a transaction up, and gives the number of its server process.

    Values are written the same on every server, and nothing waits for ever: not for a lock, not for
    a client that has gone. What an older server doesn't know isn't set.
    """
    longest = f"{round(statement_seconds * 1000)}ms"
    wanted: Mapping[str, str] = {
        "timezone": "UTC",
        "datestyle": "ISO, YMD",
        "intervalstyle": "iso_8601",
        "extra_float_digits": "1",
        "statement_timeout": longest,
        "lock_timeout": f"{round(lock_seconds * 1000)}ms",
        "idle_in_transaction_session_timeout": longest,
        "transaction_timeout": "0",  # reads, each within its own time, may follow one another
        "client_connection_check_interval": "2s",
    }
    rows = ", ".join(f"('{name}', '{value}')" for name, value in wanted.items())
    return (
        "SELECT pg_backend_pid() AS process, (SELECT count(set_config(s.name, w.value, true))"
        f" FROM (VALUES {rows}) AS w(name, value)"
        " JOIN pg_catalog.pg_settings s ON lower(s.name) = w.name"
        # Only there can a server look whether its client is still connected.
        " WHERE w.name <> 'client_connection_check_interval' OR version() ~ 'linux') AS settings"
    )


def join(name: str) -> str:
    """Give the statement that makes a transaction see the snapshot of this name.

    Raises PermanentError for what is no name that pg_export_snapshot gives.
    """
    if not _NAME.fullmatch(name):
        raise PermanentError("The name of a snapshot to join isn't one.")
    return f"SET TRANSACTION SNAPSHOT '{name}'"


def text_of(connection: "psycopg.Connection[tuple[object, ...]]", query: TableQuery) -> str:
    """Write a query with its values in it, quoted by psycopg: COPY takes no values apart."""
    return psycopg.ClientCursor(connection).mogrify(query.sql.encode(), query.parameters)
