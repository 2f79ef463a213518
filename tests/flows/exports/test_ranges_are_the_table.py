"""A table in ranges, each read on its own, is the table: every row once, in its order."""

import json
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.postgres_parts import PostgresDatabase, PostgresServer, never

from penstock.errors import PermanentError, RecoverableError
from penstock.exports.job_folder import JobFolder
from penstock.exports.limits import ExportLimits
from penstock.exports.postgres import Snapshot, TableQuery
from penstock.exports.range_answers import Answer, range_read, read_as_described
from penstock.exports.ranges import joined, split
from penstock.exports.readers import TenantReaders
from penstock.local.jobs.outputs import FileOutputs

KINDS: dict[str, st.SearchStrategy[Any]] = {
    "bigint": st.integers(-5, 5) | st.integers(-(2**63), 2**63 - 1),
    "text": st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4),
    "numeric(12, 4)": st.decimals(-10, 10, places=4),
    "date": st.dates(),
    "uuid": st.uuids(),
}
FEW = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def database(postgres: PostgresServer) -> Iterator[PostgresDatabase]:
    tables = (f'CREATE TABLE "t {kind}" (key {kind}, place integer, text text)' for kind in KINDS)
    with postgres.database(*tables) as made:
        yield made


class _OneDatabase:
    """The database of whoever asks."""

    def __init__(self, connection_string: str) -> None:
        self._connection_string = connection_string

    def connection_string(self, tenant: str) -> str:  # noqa: ARG002 - the port's
        return self._connection_string


@pytest.fixture(scope="module")
def readers(database: PostgresDatabase) -> Iterator[TenantReaders]:
    lent = TenantReaders(_OneDatabase(database.connection_string))
    yield lent
    lent.close()


_folders = count()


def place_in(root: Path, *, mark: str = "") -> JobFolder:
    """A folder that nothing else is in."""
    folder = f"exports/{next(_folders)}"
    return JobFolder(outputs=FileOutputs(root), tenant="acme", folder=folder, token=1, mark=mark)


def fill(database: PostgresDatabase, table: str, keys: Sequence[object]) -> None:
    with psycopg.connect(database.connection_string) as connection:
        connection.execute(f'TRUNCATE "{table}"'.encode())
        rows = ((key, place, f"row {place}") for place, key in enumerate(keys))
        with connection.cursor() as cursor:
            cursor.executemany(f'INSERT INTO "{table}" VALUES (%s, %s, %s)'.encode(), list(rows))


def in_ranges(
    held: Snapshot,
    readers: TenantReaders,
    query: TableQuery,
    place: JobFolder,
    *,
    n: int,
    limits: ExportLimits,
) -> pa.Table:
    answers: list[Answer] = [
        read_as_described(
            readers,
            place,
            json.loads(json.dumps(one.described())),
            limits=limits,
            cancelled=never,
            told=lambda *_: None,
        )
        for one in split(held, query, n=n)
    ]
    parts = joined([range_read(json.loads(json.dumps(answer))).files for answer in answers])
    assert isinstance(place.outputs, FileOutputs)
    return pa.concat_tables(_table(place, part.part) for part in parts)


def _table(place: JobFolder, name: str) -> pa.Table:
    content = place.outputs.read(place.tenant, f"{place.folder}/{name}", max_bytes=1 << 30)
    assert content is not None
    return pq.read_table(pa.BufferReader(content))


@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(data=st.data(), n=st.integers(1, 7), part_rows=st.integers(1, 50))
def test_ranges_one_behind_the_other_are_the_table(
    database: PostgresDatabase,
    readers: TenantReaders,
    tmp_path: Path,
    kind: str,
    data: st.DataObject,
    n: int,
    part_rows: int,
) -> None:
    keys = data.draw(st.lists(st.one_of(st.none(), KINDS[kind]), max_size=60))
    fill(database, f"t {kind}", keys)
    query = TableQuery(
        sql=f'SELECT key, place, text FROM "t {kind}" WHERE place >= %s',
        parameters=(0,),
        sort=("key", "place"),
    )
    limits = ExportLimits(part_rows=part_rows)
    with database.snapshot() as held:
        single = pa.Table.from_batches(list(held.read(query, cancelled=never)))
        table = in_ranges(held, readers, query, place_in(tmp_path), n=n, limits=limits)
    assert table.num_rows == len(keys)
    assert table.equals(single)


def test_who_reads_a_range_again_stores_its_own_files(
    database: PostgresDatabase, readers: TenantReaders, tmp_path: Path
) -> None:
    """And removes these alone, where the other's are those that count."""
    fill(database, "t bigint", list(range(100)))
    query = TableQuery(sql='SELECT key, place FROM "t bigint"', sort=("key",))
    one, other = place_in(tmp_path, mark="-1a2b"), place_in(tmp_path)
    other = JobFolder(outputs=one.outputs, tenant="acme", folder=one.folder, token=1, mark="-3c4d")
    with database.snapshot() as held:
        tables = [
            in_ranges(held, readers, query, place, n=3, limits=ExportLimits())
            for place in (one, other)
        ]
    assert tables[0].equals(tables[1])
    folder = tmp_path / "acme" / one.folder
    assert len(list(folder.iterdir())) == 6
    other.remove_own(keep=())
    assert {"-1a2b" in path.name for path in folder.iterdir()} == {True}
    assert len(list(folder.iterdir())) == 3


def test_a_snapshot_that_nobody_holds_any_more_is_told_of(
    database: PostgresDatabase, readers: TenantReaders, tmp_path: Path
) -> None:
    query = TableQuery(sql='SELECT key, place FROM "t bigint"', sort=("key",))
    with database.snapshot() as held:
        held.look()
        (only,) = split(held, query, n=1)
    answer = read_as_described(
        readers,
        place_in(tmp_path),
        only.described(),
        limits=ExportLimits(),
        cancelled=never,
        told=lambda *_: None,
    )
    with pytest.raises(RecoverableError, match="snapshot was lost"):
        range_read(json.loads(json.dumps(answer)))


def test_a_holder_finds_out_that_its_snapshot_is_lost(database: PostgresDatabase) -> None:
    with pytest.raises(RecoverableError), database.snapshot() as held:  # noqa: PT012 - both may
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND state = 'idle in transaction'"
        )
        held.look()


def test_what_no_export_can_hold_is_permanent(
    database: PostgresDatabase, readers: TenantReaders, tmp_path: Path
) -> None:
    query = TableQuery(sql="SELECT 1 AS key, 'NaN'::numeric(4, 2) AS n", sort=("key",))
    with database.snapshot() as held:
        (only,) = split(held, query, n=1)
        answer = read_as_described(
            readers,
            place_in(tmp_path),
            only.described(),
            limits=ExportLimits(),
            cancelled=never,
            told=lambda *_: None,
        )
    with pytest.raises(PermanentError, match="“n”") as raised:
        range_read(json.loads(json.dumps(answer)))
    assert raised.value.facts["column"] == "n"
