"""A tenant's database is the one of its connection string, whatever libpq's environment says."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from psycopg import pq
from tests.postgres_parts import PostgresDatabase, PostgresServer, never

from penstock.exports.postgres import TableQuery

SERVICE = "PGSERVICE"
ELSEWHERE = {
    "PGHOST": "elsewhere.invalid",
    "PGHOSTADDR": "192.0.2.1",
    "PGPORT": "1",
    "PGUSER": "somebody",
    "PGPASSWORD": "wrong",
    "PGDATABASE": "template1",
    "PGOPTIONS": "-c search_path=elsewhere",
    "PGTARGETSESSIONATTRS": "standby",
    "PGREQUIREAUTH": "none",
    "PGREQUIREPEER": "nobody-of-this-name",
    "PGCLIENTENCODING": "LATIN1",
    "PGCONNECT_TIMEOUT": "1",
    "PGMINPROTOCOLVERSION": "3.2",
    "PGMAXPROTOCOLVERSION": "3.2",
    "PGTZ": "Asia/Kolkata",
    "PGDATESTYLE": "SQL, DMY",
    "PGREQUIRESSL": "1",
    "PGGEQO": "off",
}
"""Values that libpq understands, and that lead elsewhere; over any other it stumbles."""


@pytest.fixture(scope="module")
def database(postgres: PostgresServer) -> Iterator[PostgresDatabase]:
    with postgres.database(
        "CREATE TABLE word (w text, at timestamptz)",
        "INSERT INTO word VALUES ('ź', '2026-03-04 05:06:07+00')",
    ) as made:
        yield made


def test_no_variable_takes_a_connection_elsewhere(
    database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_by_libpq = {
        default.envvar.decode() for default in pq.Conninfo.get_defaults() if default.envvar
    }
    with monkeypatch.context() as environment:
        for name in (read_by_libpq | ELSEWHERE.keys()) - {SERVICE}:
            environment.setenv(name, ELSEWHERE.get(name, "none-such"))
        # Both drivers, each with a libpq of its own: one describes the query, one reads it.
        table = database.table("SELECT w, at, current_database() AS d FROM word", sort=("w",))
    assert table.column("w").to_pylist() == ["ź"]
    assert table.column("at").to_pylist() == [datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)]
    assert table.column("d").to_pylist() == [database.fetch("SELECT current_database()")[0][0]]


@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_one_variable_alone_changes_nothing(
    database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with monkeypatch.context() as environment:
        environment.setenv(name, ELSEWHERE[name])
        with database.reader() as reader, reader.snapshot() as snapshot:
            query = TableQuery(sql="SELECT w FROM word")
            (batch,) = snapshot.read(query, cancelled=never)
    assert batch.column("w").to_pylist() == ["ź"]
