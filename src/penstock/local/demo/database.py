"""Databases of demo tenants: a PostgreSQL from a wheel, started when one is first needed."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import psycopg
from psycopg import sql

from penstock.errors import NoDatabaseError, SetupError
from penstock.local.atomic import exclusive, replace_file
from penstock.local.demo.database_server import OWNER, password
from penstock.local.demo.database_use import ensure_started, leave, use

VERSION = 1
"""Counts up whenever the databases change: older ones are then made anew."""

TENANTS = ("demo", "demo-river")
"""The demo tenants that have a database."""

_COPY_BYTES = 1 << 20


def demo_connection_string(home: Path, tenant: str) -> str:
    """Start the demo server of a home folder if need be, and say how to connect to a tenant's own.

    The data stand below `{home}/demo-database`, survive restarts, and are made when they are
    missing or of another version. One server serves every process that asks; it stays until the
    last one of them has ended, however it did, or left it (`leave_demo_database`). Each tenant has
    its own database, and its own role that may read that one alone.

    Raises NoDatabaseError for a tenant without one, and SetupError if the server can't be started.
    """
    if tenant not in TENANTS:
        raise NoDatabaseError
    folder = _folder(home)
    use(folder)
    sockets = ensure_started(folder)
    with exclusive(folder / "roles.lock"):
        secret = _made(folder, sockets, tenant)
    return _connection(sockets, user=_role(tenant), secret=secret, database=_role(tenant))


def found_demo_database(home: Path, tenant: str) -> str | None:
    """Do as `demo_connection_string`; None for a tenant without one."""
    return demo_connection_string(home, tenant) if tenant in TENANTS else None


def leave_demo_database(home: Path) -> None:
    """Let this process use the server no longer; it stops if nobody else uses it."""
    leave(_folder(home))


def _folder(home: Path) -> Path:
    return home.expanduser().resolve() / "demo-database"


def _made(folder: Path, sockets: str, tenant: str) -> str:
    """Make a tenant's database if it is missing; give the password of its role."""
    place = folder / "roles.json"
    known = _known(place)
    if tenant in known:
        return known[tenant]
    secret, owner = secrets.token_urlsafe(24), password(folder)
    try:
        with _owned(sockets, owner, "postgres") as connection:
            _add_database(connection, _role(tenant), secret)
        with _owned(sockets, owner, _role(tenant)) as connection:
            _fill(connection, tenant)
    except psycopg.Error as error:
        raise SetupError("The demo databases can't be made.") from error
    # Last of all: what isn't named here is made anew.
    said = {"version": VERSION, "tenants": {**known, tenant: secret}}
    replace_file(place, json.dumps(said).encode())
    return secret


def _known(place: Path) -> dict[str, str]:
    try:
        said = json.loads(place.read_text())
    except (OSError, ValueError):
        return {}
    return dict(said["tenants"]) if said.get("version") == VERSION else {}


@contextmanager
def _owned(
    sockets: str, secret: str, database: str
) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    text = _connection(sockets, user=OWNER, secret=secret, database=database)
    with psycopg.connect(text, autocommit=True) as connection:
        yield connection


def _add_database(
    connection: "psycopg.Connection[tuple[object, ...]]", name: str, secret: str
) -> None:
    role = sql.Identifier(name)
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(role))
    connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(role))
    connection.execute(
        sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} CONNECTION LIMIT 20").format(
            role, sql.Literal(secret)
        )
    )
    connection.execute(sql.SQL("CREATE DATABASE {}").format(role))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(role))
    connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(role, role))


def _fill(connection: "psycopg.Connection[tuple[object, ...]]", tenant: str) -> None:
    # Wanted when the data are made alone.
    from pyarrow import csv  # noqa: PLC0415 - rarely used, see above

    from penstock.local.demo.database_rows import rows_of  # noqa: PLC0415 - the same
    from penstock.local.demo.database_schema import (  # noqa: PLC0415 - the same
        AFTERWARDS,
        SCHEMA,
        TABLES,
    )

    rows = rows_of(tenant)
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(SCHEMA)
        for table in TABLES:
            made = rows[table]()
            text = BytesIO()
            csv.write_csv(made, text, csv.WriteOptions(include_header=False))
            names = sql.SQL(", ").join(sql.Identifier(name) for name in made.column_names)
            copy = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
                sql.Identifier(table), names
            )
            with cursor.copy(copy) as sink:
                for start in range(0, len(text.getbuffer()), _COPY_BYTES):
                    sink.write(text.getbuffer()[start : start + _COPY_BYTES])
        role = sql.Identifier(_role(tenant))
        cursor.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}").format(role))
        cursor.execute(AFTERWARDS)


def _role(tenant: str) -> str:
    return tenant.replace("-", "_")


def _connection(sockets: str, *, user: str, secret: str, database: str) -> str:
    return psycopg.conninfo.make_conninfo(
        host=sockets, user=user, password=secret, dbname=database, connect_timeout=10
    )
