"""The demo database starts when it is wanted, is its tenant's alone, and goes with its users."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo
from tests.postgres_parts import never

from penstock.errors import NoDatabaseError
from penstock.exports.postgres import PostgresReader, TableQuery
from penstock.local.demo.database import demo_connection_string, leave_demo_database
from penstock.local.demo.database_server import socket_folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    # As root makes it: nobody else may walk into it, nor into the one above.
    above = tmp_path_factory.mktemp("above")
    above.chmod(0o700)
    made = above / ("long-name-" * 12)
    yield made
    leave_demo_database(made)
    until(lambda: socket_folder(made.resolve() / "demo-database") is None)


def until(condition: Callable[[], bool]) -> None:
    latest = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < latest, "waited too long"
        time.sleep(0.02)


def fetch(connection_string: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(connection_string) as connection:
        return connection.execute(statement.encode()).fetchall()


@pytest.mark.parametrize("tenant", ["demo", "demo-river"])
def test_a_tenant_has_tables_full_of_rows(home: Path, tenant: str) -> None:
    text = demo_connection_string(home, tenant)
    counted = {
        table: fetch(text, f"SELECT count(*) FROM {table}")[0][0]
        for table in ("risk_category", "risk_type", "customer", "premium_pay", "audit_trail")
    }
    assert counted == {
        "risk_category": 24,
        "risk_type": 180,
        "customer": 2_000,
        "premium_pay": 1_201,
        "audit_trail": 50_000,
    }
    assert fetch(
        text,
        "SELECT count(*) FROM customer_order o JOIN (SELECT order_id, sum(amount) AS s"
        " FROM order_line GROUP BY order_id) l ON l.order_id = o.id AND l.s = o.total",
    ) == [(20_000,)]


def test_every_table_can_be_exported(home: Path) -> None:
    reader = PostgresReader(demo_connection_string(home, "demo"))
    with reader.snapshot() as snapshot:
        for table in ("risk_category", "risk_type", "customer_order", "order_line", "audit_trail"):
            query = TableQuery(sql=f"SELECT * FROM {table}")
            assert sum(batch.num_rows for batch in snapshot.read(query, cancelled=never)) > 0
    reader.close()


def test_tenants_have_different_rows(home: Path) -> None:
    query = "SELECT name FROM premium_pay ORDER BY id"
    ours, theirs = (fetch(demo_connection_string(home, t), query) for t in ("demo", "demo-river"))
    assert ours != theirs


def test_a_role_opens_its_own_database_alone(home: Path) -> None:
    ours = conninfo.conninfo_to_dict(demo_connection_string(home, "demo"))
    theirs = conninfo.conninfo_to_dict(demo_connection_string(home, "demo-river"))
    for wrong in (
        {"dbname": theirs["dbname"]},
        {"user": theirs["user"]},
        {"user": theirs["user"], "dbname": theirs["dbname"]},
        {"user": "penstock_demo"},
        {"password": ""},
    ):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(**{**ours, **wrong})  # type: ignore[arg-type] # libpq's own names


def test_a_role_may_read_and_nothing_else(home: Path) -> None:
    text = demo_connection_string(home, "demo")
    for statement in (
        "DELETE FROM audit_trail",
        "UPDATE premium_pay SET amount = 0",
        "CREATE TABLE mine (x int)",
        "SELECT pg_read_file('/etc/passwd')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            fetch(text, statement)


def test_a_tenant_without_a_database_has_none(home: Path) -> None:
    for tenant in ("demo-harbour", "acme"):
        with pytest.raises(NoDatabaseError):
            demo_connection_string(home, tenant)


USER = """
import sys
from pathlib import Path
from penstock.local.demo.database import demo_connection_string
print(demo_connection_string(Path(sys.argv[1]), "demo"), flush=True)
sys.stdin.readline()
"""


def user_of(home: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", USER, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def ended(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.communicate(timeout=60)


def test_one_server_serves_all_processes_and_goes_with_the_last(tmp_path: Path) -> None:
    folder = tmp_path.resolve() / "demo-database"
    first, second = user_of(tmp_path), user_of(tmp_path)
    try:
        text = said(first)
        assert said(second) == text
        written = fetch(text, "SELECT sum(amount) FROM premium_pay")
        # The one that started it may be killed at once.
        ended(first)
        assert fetch(text, "SELECT 1") == [(1,)]
        ended(second)
        until(lambda: socket_folder(folder) is None)
        third = user_of(tmp_path)
        try:
            assert fetch(said(third), "SELECT sum(amount) FROM premium_pay") == written
        finally:
            ended(third)
    finally:
        ended(first)
        ended(second)
    until(lambda: socket_folder(folder) is None)


def test_a_server_that_was_killed_is_started_again(tmp_path: Path) -> None:
    folder = tmp_path.resolve() / "demo-database"
    try:
        before = demo_connection_string(tmp_path, "demo")
        pid = int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, 9)
        until(lambda: socket_folder(folder) is None)
        after = demo_connection_string(tmp_path, "demo")
        assert after != before
        assert fetch(after, "SELECT count(*) FROM premium_pay") == [(1_201,)]
    finally:
        leave_demo_database(tmp_path)
        until(lambda: socket_folder(folder) is None)
