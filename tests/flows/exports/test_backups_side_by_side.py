"""Backups that several processes read: the same tables of one moment, whatever happens to one."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.export_parts import ExportHouse, export_house
from tests.flows.exports.test_exports_side_by_side import SMALL_RANGES, connect, sources_of
from tests.large_orders import lose_first_snapshot
from tests.postgres_parts import PostgresDatabase, PostgresServer
from tests.range_processes import readers_of

from penstock.jobs.cancel import cancel
from penstock.local.demo.database_schema import TABLES
from penstock.model.job import Job
from penstock.reading.result_names import shown_name

IN_FILES = replace(SMALL_RANGES, part_rows=1_000)
"""A table of more rows than these is in several files."""
KINDS = """
CREATE TABLE amounts (id integer PRIMARY KEY, amount numeric(9, 2), place point, "p % q" text);
INSERT INTO amounts SELECT n, n, point(n, n), 'q' || n FROM generate_series(1, 4000) AS n;
CREATE TABLE unkeyed AS SELECT n FROM generate_series(1, 3000) AS n;
CREATE TABLE by_truth (is_so boolean, n integer, PRIMARY KEY (is_so, n));
INSERT INTO by_truth SELECT n % 2 = 0, n FROM generate_series(1, 3000) AS n;
CREATE TABLE by_place (place point, n integer UNIQUE);
INSERT INTO by_place SELECT point(n, n), n FROM generate_series(1, 3000) AS n;
CREATE TABLE "By day" (day date PRIMARY KEY, n integer);
INSERT INTO "By day" SELECT date '2020-01-01' + n, n FROM generate_series(1, 2500) AS n;
INSERT INTO "By day" VALUES ('infinity', 9999);
CREATE TABLE bare ();
ANALYZE
"""


@pytest.fixture
def house(tmp_path: Path, demo: PostgresDatabase) -> Iterator[ExportHouse]:
    with export_house(tmp_path) as opened:
        connect(opened, tmp_path, demo)
        yield opened


@pytest.fixture
def kinds(
    postgres: PostgresServer, house: ExportHouse, tmp_path: Path
) -> Iterator[PostgresDatabase]:
    """A database of tables that can't all be split, in place of the demo's."""
    with postgres.database(KINDS) as database:
        connect(house, tmp_path, database)
        yield database


def listed(house: ExportHouse, job: Job) -> dict[str, list[dict[str, Any]]]:
    """Give the rows of the list, by their tables; each file is there, and has its rows."""
    found: dict[str, list[dict[str, Any]]] = {}
    stored = {shown_name(one.part): one for one in house.jobs.latest(job).artifacts}
    for row in house.table(house.jobs.latest(job)).to_pylist():
        found.setdefault(row["table"], []).append(row)
        if row["file"] is not None:
            file = stored[row["file"]]
            assert (file.rows, file.bytes, file.sha256) == (
                row["rows"],
                row["bytes"],
                row["sha256"],
            )
    return found


def rows_of(house: ExportHouse, job: Job, rows: list[dict[str, Any]]) -> list[pa.Table]:
    stored = {shown_name(one.part): one.part for one in house.jobs.latest(job).artifacts}
    return [pq.read_table(house.path(job, stored[row["file"]])) for row in rows]


def contents(house: ExportHouse, job: Job) -> dict[str, pa.Table]:
    """Give all tables, each put together from its files."""
    return {
        name: pa.concat_tables(rows_of(house, job, rows))
        for name, rows in listed(house, job).items()
        if rows[0]["file"] is not None
    }


def backed_up(house: ExportHouse, home: Path, **more: Any) -> Job:
    job = house.submit("tenant-backup", {})
    ran = house.run(sources=sources_of(house, home, **more))
    assert ran.outcome == "succeeded", ran.fault
    assert_whole(house, job)
    return job


def assert_whole(house: ExportHouse, job: Job) -> None:
    """The job is done, and left nothing but what its manifest names, and no process."""
    job = house.jobs.latest(job)
    assert job.state == "SUCCEEDED"
    assert house.jobs.files(job) == sorted(["manifest.json", *(a.part for a in job.artifacts)])
    rows = [row["rows"] for rows in listed(house, job).values() for row in rows]
    assert job.progress.done == sum(rows)
    assert readers_of(os.getpid()) == []


@pytest.mark.parametrize("at_once", [2, 3])
def test_a_backup_that_processes_read_is_the_one_that_a_worker_reads(
    house: ExportHouse, tmp_path: Path, at_once: int
) -> None:
    alone = house.exported("tenant-backup", {})
    assert alone.size == "large"
    begun: list[bool] = []
    job = backed_up(house, tmp_path, at_once=at_once, meddle=lambda: begun.append(True))
    assert begun == [True]
    assert contents(house, job) == contents(house, alone)
    kept = [name for name in house.table(alone).column_names if name not in {"bytes", "sha256"}]
    assert house.table(house.jobs.latest(job)).select(kept) == house.table(alone).select(kept)
    assert [rows[0]["file"] for rows in listed(house, job).values()] == [
        f"file-{name}.parquet" for name in sorted(TABLES)
    ]


def test_a_large_table_is_in_several_files_and_none_is_called_like_the_whole(
    house: ExportHouse, tmp_path: Path
) -> None:
    alone = house.exported("tenant-backup", {})
    job = backed_up(house, tmp_path, limits=IN_FILES)
    tables, whole = listed(house, job), listed(house, alone)
    split = {name for name, rows in tables.items() if len(rows) > 1}
    assert split == {name for name, rows in whole.items() if rows[0]["rows"] > IN_FILES.part_rows}
    assert "order_line" in split
    assert contents(house, job) == contents(house, alone)
    for name, rows in tables.items():
        first, *others = rows
        statements = ("definition", "constraints", "indexes", "sorted-by")
        assert {key: first[key] for key in statements} == {
            key: whole[name][0][key] for key in statements
        }
        for number, row in enumerate(rows, 1):
            count = f"-{number}-of-{len(rows)}" if others else ""
            assert row["file"] == f"file-{name}{count}.parquet"
        assert all(row["definition"] is None for row in others)
        assert all(row["constraints"] == row["indexes"] == [] for row in others)


def test_rows_that_come_meanwhile_are_in_no_table(
    house: ExportHouse, kinds: PostgresDatabase, tmp_path: Path
) -> None:
    def change() -> None:
        kinds.execute(
            *(
                f'UPDATE "{name}" SET n = n + 100000'
                for name in ("unkeyed", "by_truth", "by_place", "By day")
            ),
            "DELETE FROM amounts",
        )

    job = backed_up(house, tmp_path, limits=IN_FILES, meddle=change)
    tables = listed(house, job)
    assert sum(row["rows"] for row in tables["amounts"]) == 4000
    for name in ("unkeyed", "by_truth", "by_place", "By day"):
        for table in rows_of(house, job, tables[name]):
            assert max(table["n"].to_pylist()) < 100_000


def test_tables_without_a_key_to_split_by_are_one_file(
    house: ExportHouse, kinds: PostgresDatabase, tmp_path: Path
) -> None:
    job = backed_up(house, tmp_path, limits=IN_FILES)
    tables = listed(house, job)
    counts = {name: len(rows) for name, rows in tables.items()}
    assert counts == {
        "By day": 3, "amounts": 4, "bare": 1, "by_place": 1, "by_truth": 1, "unkeyed": 1,
    }  # fmt: skip
    assert tables["bare"][0]["file"] is None
    assert tables["by_place"][0]["as-text"] == ["place"]
    assert rows_of(house, job, tables["by_truth"])[0].num_rows == 3000


def test_what_one_range_cannot_hold_is_text_in_its_file_alone(
    house: ExportHouse, kinds: PostgresDatabase, tmp_path: Path
) -> None:
    kinds.execute("UPDATE amounts SET amount = 'NaN' WHERE id = 4000")
    job = backed_up(house, tmp_path, limits=IN_FILES)
    tables = listed(house, job)
    *before, last = tables["amounts"]
    assert [row["as-text"] for row in before] == [["place"]] * 3
    assert set(last["as-text"]) == {"place", "amount"}
    *numbers, texts = rows_of(house, job, tables["amounts"])
    assert {one.schema.field("amount").type for one in numbers} == {pa.decimal128(9, 2)}
    assert texts["amount"].to_pylist()[-2:] == ["3999.00", "NaN"]
    assert [n for one in (*numbers, texts) for n in one["id"].to_pylist()] == [*range(1, 4001)]
    assert texts["p % q"].to_pylist()[-1] == "q4000"
    # Its key has a value that no date is.
    assert [row["as-text"] for row in tables["By day"]] == [[], [], ["day"]]
    assert rows_of(house, job, tables["By day"])[-1]["day"].to_pylist()[-1] == "infinity"


def test_few_rows_are_read_by_the_worker_alone(house: ExportHouse, tmp_path: Path) -> None:
    begun: list[bool] = []
    limits = replace(SMALL_RANGES, range_rows=1_000_000)
    backed_up(house, tmp_path, limits=limits, meddle=lambda: begun.append(True))
    assert begun == []


def kill_one() -> None:
    os.kill(readers_of(os.getpid())[0], signal.SIGKILL)


@pytest.mark.parametrize(
    ("said", "meddle"),
    [
        ("ended before it had", lambda _: kill_one()),
        ("snapshot was lost", lose_first_snapshot),
    ],
)
def test_whatever_is_lost_has_the_attempt_begin_anew(
    house: ExportHouse,
    tmp_path: Path,
    demo: PostgresDatabase,
    said: str,
    meddle: Callable[[PostgresDatabase], None],
) -> None:
    expected = contents(house, house.exported("tenant-backup", {}))
    job = house.submit("tenant-backup", {})
    ran = house.run(
        sources=sources_of(house, tmp_path, limits=IN_FILES, meddle=lambda: meddle(demo))
    )
    assert ran.outcome == "retried"
    assert said in str(ran.fault)
    # A process that is killed leaves the hidden file that it was writing.
    assert [name for name in house.jobs.files(job) if not name.startswith(".")] == []
    assert house.run(sources=sources_of(house, tmp_path)).outcome == "succeeded"
    assert_whole(house, job)
    assert contents(house, job) == expected
    assert house.jobs.latest(job).attempt == 2


def test_a_backup_that_is_cancelled_in_the_midst_leaves_nothing(
    house: ExportHouse, tmp_path: Path
) -> None:
    job = house.submit("tenant-backup", {})

    def ask() -> None:
        cancel(house.jobs.ports, house.jobs.latest(job), now=house.jobs.now)

    sources = sources_of(house, tmp_path, limits=IN_FILES, meddle=ask)
    assert house.run(sources=sources).outcome == "cancelled"
    assert house.jobs.files(job) == []
    assert readers_of(os.getpid()) == []
