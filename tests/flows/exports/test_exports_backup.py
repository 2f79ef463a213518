"""Backups: every table as a file, as of one moment, with a list that says how to restore it."""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest
from psycopg import sql
from tests.demo_rows import fill_with_demo
from tests.export_parts import TENANT, ExportHouse, export_house
from tests.postgres_parts import PostgresDatabase, PostgresServer
from tests.stepped_outputs import Stepped, once

from penstock.errors import BusyError
from penstock.local.demo.database_schema import TABLES
from penstock.model.job import Job
from penstock.model.job_id import new_job_id
from penstock.reading.result_names import shown_name

ODD = """
CREATE TABLE "Odd % name" (id integer, "say ""hi"" %" text, PRIMARY KEY (id));
INSERT INTO "Odd % name" VALUES (1, 'x');
CREATE TABLE "odd - NAME" (id integer);
CREATE TABLE unkeyed (n integer);
INSERT INTO unkeyed SELECT generate_series(1, 5);
CREATE TABLE bare ();
CREATE TABLE awkward (
    id integer PRIMARY KEY, amount numeric(9, 2), place point, until date, grid integer[]
);
INSERT INTO awkward VALUES
    (1, 'NaN', '(1,2)', 'infinity', '{{1,2},{3,4}}'), (2, 3.50, NULL, '2024-05-01', NULL);
CREATE TABLE split (id bigint NOT NULL, note text) PARTITION BY RANGE (id);
CREATE TABLE split_low PARTITION OF split FOR VALUES FROM (0) TO (10);
CREATE TABLE split_high PARTITION OF split FOR VALUES FROM (10) TO (20);
INSERT INTO split SELECT n, 'n' || n FROM generate_series(0, 19) AS n;
CREATE VIEW seen AS SELECT * FROM unkeyed;
CREATE TABLE counted (
    id integer GENERATED ALWAYS AS IDENTITY,
    doubled integer GENERATED ALWAYS AS (id * 2) STORED,
    made timestamptz NOT NULL DEFAULT now(),
    CHECK (doubled > 0)
);
INSERT INTO counted (made) VALUES ('2024-05-01Z');
CREATE INDEX counted_made ON counted (made);
"""
STATUS = "CREATE TYPE order_status AS ENUM ('placed', 'packed', 'sent', 'delivered', 'returned')"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[ExportHouse]:
    with export_house(tmp_path) as opened:
        yield opened


@pytest.fixture
def database(postgres: PostgresServer, house: ExportHouse) -> Iterator[PostgresDatabase]:
    with postgres.database() as made:
        house.databases[TENANT] = made.connection_string
        yield made


def listed(house: ExportHouse, job: Job) -> dict[str, dict[str, Any]]:
    return {row["table"]: row for row in house.table(job).to_pylist()}


def rows_of(house: ExportHouse, job: Job, row: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(stored_file(house, job, row)).to_pylist()
    return found


def stored_file(house: ExportHouse, job: Job, row: dict[str, Any]) -> Path:
    """Give where the file of a row of the list stands."""
    (name,) = (one.part for one in job.artifacts if shown_name(one.part) == row["file"])
    return house.path(job, name)


def test_every_table_is_a_file_with_its_rows(
    house: ExportHouse, database: PostgresDatabase
) -> None:
    fill_with_demo(database)
    job = house.exported("tenant-backup", {})
    tables = listed(house, job)
    assert set(tables) == set(TABLES)
    for name, row in tables.items():
        ((count,),) = database.fetch(f"SELECT count(*) FROM {name}")
        content = stored_file(house, job, row).read_bytes()
        assert (row["schema"], row["rows"], row["bytes"]) == ("public", count, len(content))
        assert row["sha256"] == hashlib.sha256(content).hexdigest()
        assert row["file"] == f"file-{name}.parquet"
        assert len(rows_of(house, job, row)) == count
    pay = rows_of(house, job, tables["premium_pay"])
    columns = ", ".join(pay[0])
    stored = database.fetch(f"SELECT {columns} FROM premium_pay ORDER BY id")
    assert [tuple(row.values()) for row in pay] == stored
    assert job.progress.done == sum(row["rows"] for row in tables.values())
    assert len(job.artifacts) == 1 + len(tables)
    assert house.jobs.files(job) == sorted(["manifest.json", *(one.part for one in job.artifacts)])


def test_the_list_is_the_results_dataset(house: ExportHouse, database: PostgresDatabase) -> None:
    three = "SELECT generate_series(1, 3) AS n"
    database.execute(f"CREATE TABLE a AS {three}", "CREATE TABLE b (n integer)")
    job = house.exported("tenant-backup", {}, formats=["json"])
    result = house.sources.exported.export(TENANT, job.id)
    assert result.rows == 2
    assert house.path(job, "file-000001.json").exists()
    progress = job.progress
    assert (progress.done, progress.total, progress.phase) == (3, 3, "finished")
    assert progress.bytes == sum(file.bytes for file in job.artifacts)


def test_a_schema_without_tables_is_an_empty_list(
    house: ExportHouse, database: PostgresDatabase
) -> None:
    job = house.exported("tenant-backup", {})
    assert house.table(job).num_rows == 0


def test_tables_of_every_kind_are_in_it(house: ExportHouse, database: PostgresDatabase) -> None:
    database.execute(ODD)
    job = house.exported("tenant-backup", {})
    tables = listed(house, job)
    assert set(tables) == {
        "Odd % name", "odd - NAME", "unkeyed", "bare", "awkward", "split", "counted",
    }  # fmt: skip
    assert rows_of(house, job, tables["Odd % name"]) == [{"id": 1, 'say "hi" %': "x"}]
    assert [row["n"] for row in rows_of(house, job, tables["unkeyed"])] == [1, 2, 3, 4, 5]
    assert tables["bare"]["file"] is None
    assert {row["id"] for row in rows_of(house, job, tables["split"])} == set(range(20))
    files = [row["file"] for row in tables.values() if row["file"]]
    assert len({name.lower() for name in files}) == len(files)
    assert tables["Odd % name"]["file"] == "file-Odd---name.parquet"
    assert tables["odd - NAME"]["file"] == "file-odd---NAME-2.parquet"


def test_what_an_export_cannot_hold_is_kept_as_postgresqls_text(
    house: ExportHouse, database: PostgresDatabase
) -> None:
    database.execute(ODD)
    job = house.exported("tenant-backup", {})
    row = listed(house, job)["awkward"]
    assert set(row["as-text"]) == {"amount", "place", "until", "grid"}
    assert rows_of(house, job, row) == [
        {"id": 1, "amount": "NaN", "place": "(1,2)", "until": "infinity", "grid": "{{1,2},{3,4}}"},
        {"id": 2, "amount": "3.50", "place": None, "until": "2024-05-01", "grid": None},
    ]


def test_the_lists_statements_make_tables_that_take_the_files(
    house: ExportHouse, database: PostgresDatabase, postgres: PostgresServer
) -> None:
    fill_with_demo(database)
    database.execute(ODD)
    job = house.exported("tenant-backup", {})
    tables = listed(house, job)
    with ExitStack() as stack:
        other = stack.enter_context(postgres.database())
        other.execute(STATUS)
        connection = stack.enter_context(psycopg.connect(other.connection_string))
        for row in tables.values():
            connection.execute(row["definition"])
            if row["rows"]:
                fill(connection, row, rows_of(house, job, row))
        foreign = [
            one for row in tables.values() for one in row["constraints"] if "FOREIGN KEY" in one
        ]
        for row in tables.values():
            for statement in [*row["constraints"], *row["indexes"]]:
                if statement not in foreign:
                    connection.execute(statement)
        for statement in foreign:
            connection.execute(statement)
        connection.commit()
        for name, row in tables.items():
            if row["rows"]:
                for_all = (
                    sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1")
                    .format(sql.Identifier(name))
                    .as_string()
                )
                assert other.fetch(for_all) == database.fetch(for_all)
        defined = (
            "SELECT c.relname::text, pg_get_constraintdef(r.oid)"
            " FROM pg_constraint AS r JOIN pg_class AS c ON c.oid = r.conrelid"
            " WHERE NOT c.relispartition ORDER BY 1, 2"
        )
        assert other.fetch(defined) == database.fetch(defined)


def fill(
    connection: "psycopg.Connection[Any]", row: dict[str, Any], rows: list[dict[str, Any]]
) -> None:
    """Put a file's rows into the table that was made for them."""
    names = [name for name in rows[0] if name != "doubled"]
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(row["table"]), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    with connection.cursor() as cursor, cursor.copy(into) as copy:
        for one in rows:
            copy.write_row([one[name] for name in names])


def test_all_tables_are_of_one_moment(house: ExportHouse, database: PostgresDatabase) -> None:
    database.execute(
        "CREATE TABLE a (n integer PRIMARY KEY)", "CREATE TABLE b (n integer PRIMARY KEY)"
    )

    def add() -> None:
        database.execute("INSERT INTO a VALUES (1)", "INSERT INTO b VALUES (1)")

    outputs = Stepped(house.sources.outputs, once("write", "-a.parquet", add))
    job = house.submit("tenant-backup", {})
    ran = house.run(sources=replace(house.sources, outputs=outputs))
    assert ran.outcome == "succeeded"
    tables = listed(house, house.jobs.latest(job))
    assert [row["rows"] for row in tables.values()] == [0, 0]


def test_a_backup_that_would_miss_rows_is_refused(
    house: ExportHouse, database: PostgresDatabase
) -> None:
    role = f"reader_{new_job_id().lower()}"
    database.execute(
        "CREATE TABLE pay (n integer)",
        "INSERT INTO pay VALUES (1), (2)",
        f"CREATE ROLE {role} LOGIN PASSWORD 'secret'",
        f"GRANT SELECT ON pay TO {role}",
        "ALTER TABLE pay ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY half ON pay USING (n = 1)",
    )
    try:
        house.databases[TENANT] = psycopg.conninfo.make_conninfo(
            database.connection_string, user=role, password="secret"
        )
        job = house.submit("tenant-backup", {})
        assert house.run().outcome == "failed"
        failed = house.jobs.latest(job).error
        assert failed is not None
        assert "only some rows of table “pay”" in failed.message
    finally:
        database.execute(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_a_backup_that_failed_leaves_nothing_and_is_made_anew(
    house: ExportHouse, database: PostgresDatabase
) -> None:
    database.execute("CREATE TABLE a (n integer)", "CREATE TABLE b (n integer)")

    def fail() -> None:
        raise BusyError("not now", retry_after_seconds=1)

    outputs = Stepped(house.sources.outputs, once("write", "-b.parquet", fail))
    job = house.submit("tenant-backup", {})
    assert house.run(sources=replace(house.sources, outputs=outputs)).outcome == "retried"
    assert house.jobs.files(job) == []
    assert house.run().outcome == "succeeded"
    assert set(listed(house, house.jobs.latest(job))) == {"a", "b"}
