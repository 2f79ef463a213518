"""All reads of an export see one moment, in order, part by part."""

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.postgres_parts import PostgresDatabase, PostgresServer, never

from penstock.errors import PermanentError, RecoverableError
from penstock.exports.postgres import Snapshot, TableQuery

ROWS = 30_000


@pytest.fixture(scope="module")
def database(postgres: PostgresServer) -> Iterator[PostgresDatabase]:
    with postgres.database(
        "CREATE TABLE item (id int8 PRIMARY KEY, name text, at timestamptz, day date, u uuid)",
        "INSERT INTO item SELECT i, CASE WHEN i % 50 = 0 THEN NULL ELSE chr(97 + i * 7 % 26) || i"
        " END, timestamptz '2020-01-01' + i * interval '1 hour', date '2020-01-01' + i % 900,"
        f" md5(i::text)::uuid FROM generate_series(1, {ROWS}) i",
        "ANALYZE",
    ) as made:
        yield made


def ids(snapshot: Snapshot, query: TableQuery) -> list[int]:
    return [
        value
        for batch in snapshot.read(query, cancelled=never)
        for value in batch.column("id").to_pylist()
    ]


def test_rows_that_come_later_are_not_seen(postgres: PostgresServer) -> None:
    query = TableQuery(sql="SELECT id FROM t", sort=("id",))
    with (
        postgres.database("CREATE TABLE t (id int)", "INSERT INTO t VALUES (1)") as database,
        database.snapshot() as snapshot,
    ):
        database.execute("INSERT INTO t VALUES (2)", "DELETE FROM t WHERE id = 1")
        assert ids(snapshot, query) == [1]
        assert snapshot.count(query) == 1
        with database.reader() as other, other.join(snapshot.name) as joined:
            assert ids(joined, query) == [1]
        with database.snapshot() as later:
            assert ids(later, query) == [2]


def test_a_snapshot_that_has_ended_is_a_recoverable_error(database: PostgresDatabase) -> None:
    with database.reader() as reader:
        with reader.snapshot() as snapshot:
            name = snapshot.name
        with pytest.raises(RecoverableError, match="snapshot was lost"), reader.join(name):
            pass


def test_what_is_no_name_of_a_snapshot_is_refused(database: PostgresDatabase) -> None:
    with (
        database.reader() as reader,
        pytest.raises(PermanentError),
        reader.join("1'; DROP TABLE item; --"),
    ):
        pass


def test_nothing_can_be_written_in_a_snapshot(database: PostgresDatabase) -> None:
    with pytest.raises(PermanentError, match="doesn't let an export change anything"):
        database.table("SELECT lo_create(4242) AS x")
    assert database.fetch("SELECT count(*) FROM pg_largeobject_metadata") == [(0,)]


def test_rows_are_ordered_by_code_points_with_nulls_last(postgres: PostgresServer) -> None:
    with postgres.database(
        "CREATE TABLE word (w text, n int)",
        "INSERT INTO word VALUES ('b', 1), ('B', 2), (NULL, 3), ('é', 4), ('a', 5), ('a', 0)",
    ) as database:
        table = database.table("SELECT * FROM word", sort=("w", "n"))
    assert table.column("w").to_pylist() == ["B", "a", "a", "b", "é", None]
    assert table.column("n").to_pylist() == [2, 0, 5, 1, 4, 3]


def test_reads_of_one_snapshot_run_side_by_side(database: PostgresDatabase) -> None:
    query = TableQuery(sql="SELECT id FROM item", sort=("id",))
    with database.snapshot(batch_rows=100) as snapshot:
        reads = [snapshot.read(query, cancelled=never) for _ in range(3)]
        given: list[list[int]] = [[], [], []]
        for batches in itertools.islice(zip(*reads, strict=True), 1000):
            for place, batch in enumerate(batches):
                given[place] += batch.column("id").to_pylist()
    assert given == [list(range(1, ROWS + 1))] * 3


def test_more_reads_than_connections_are_refused(database: PostgresDatabase) -> None:
    query = TableQuery(sql="SELECT id FROM item")
    with database.snapshot(readers=1, connect_seconds=2, batch_rows=100) as snapshot:
        first = snapshot.read(query, cancelled=never)
        next(first)
        with pytest.raises(RecoverableError, match="in use"):
            ids(snapshot, query)
        assert len(list(first)) == ROWS / 100 - 1
        assert len(ids(snapshot, query)) == ROWS


@pytest.mark.parametrize("key", ["id", "name", "at", "day", "u"])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_ranges_hold_each_row_once_and_about_equally_many(
    database: PostgresDatabase, key: str, n: int
) -> None:
    query = TableQuery(
        sql="SELECT * FROM item WHERE id > %s AND name NOT LIKE '%%zz%%' OR name IS NULL",
        parameters=(9,),
        sort=(key, "id"),
    )
    with database.snapshot() as snapshot:
        whole = ids(snapshot, query)
        ranges = snapshot.ranges(query, key, n)
        parts = [ids(snapshot, part) for part in ranges]
    assert len(parts) == n
    assert list(itertools.chain.from_iterable(parts)) == whole
    assert all(len(part) < 1.35 * len(whole) / n + 100 for part in parts)


@settings(max_examples=25)
@given(keys=st.lists(st.none() | st.integers(-3, 3), max_size=12), n=st.integers(1, 6))
def test_ranges_of_few_keys_hold_each_row_once(
    database: PostgresDatabase, keys: list[int | None], n: int
) -> None:
    query = TableQuery(
        sql="SELECT k AS id FROM unnest(CAST(%s AS int[])) AS u(k)",
        parameters=(keys,),
        sort=("id",),
    )
    with database.snapshot() as snapshot:
        ranges = snapshot.ranges(query, "id", n)
        assert 1 <= len(ranges) <= n
        found = [key for part in ranges for key in ids(snapshot, part)]
    assert found == sorted(keys, key=lambda key: (key is None, key or 0))


def test_a_column_that_is_no_key_is_refused(database: PostgresDatabase) -> None:
    with database.snapshot() as snapshot:
        query = TableQuery(sql="SELECT ARRAY[id] AS a FROM item")
        with pytest.raises(PermanentError, match="no key"):
            snapshot.ranges(query, "a", 2)
        with pytest.raises(PermanentError, match="no column “b”"):
            snapshot.ranges(query, "b", 2)


def test_few_rows_are_counted_and_many_are_guessed(database: PostgresDatabase) -> None:
    with database.snapshot() as snapshot:
        few = TableQuery(sql="SELECT 1 AS x FROM item WHERE id %% 7 = 0")
        assert snapshot.count(few) == ROWS // 7
        assert snapshot.count(TableQuery(sql="SELECT 1 AS x FROM item a, item b")) > 10**8
