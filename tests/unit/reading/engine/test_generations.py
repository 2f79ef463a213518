"""A database that has seen many objects gives way to a new one, and ends with its last query."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from penstock.reading.engine.database import Database
from penstock.reading.engine.generations import CHUNKS_KEPT, UNWEIGHED, Generations
from penstock.reading.objects import StoredObject

OBJECTS_KEPT = CHUNKS_KEPT // (UNWEIGHED + 20)
"""Of those that nobody has weighed."""


def objects(start: int, stop: int) -> list[str]:
    return [StoredObject(bucket="b", key="k", etag=str(n)).location for n in range(start, stop)]


def is_open(database: Database) -> bool:
    try:
        database.connections.aside().close()
    except duckdb.ConnectionException:
        return False
    return True


@pytest.fixture
def generations(tmp_path: Path) -> Iterator[Generations]:
    def make(number: int) -> Database:
        return Database(
            roots=[tmp_path],
            spill_dir=tmp_path / f"engine-{number}",
            memory_bytes=100_000_000,
            threads=1,
            queries=1,
            spill_bytes=1_000_000,
            object_store=None,
        )

    made = Generations(make)
    yield made
    made.close()


def test_files_never_end_a_database(generations: Generations) -> None:
    with generations.lent(["/a.parquet"]) as first:
        pass
    for number in range(2 * OBJECTS_KEPT):
        with generations.lent([f"/{number}.parquet"]) as database:
            assert database is first


def test_known_objects_never_end_a_database(generations: Generations) -> None:
    with generations.lent(objects(0, OBJECTS_KEPT)) as first:
        pass
    for _ in range(3):
        with generations.lent(objects(0, OBJECTS_KEPT)) as database:
            assert database is first


def test_one_object_more_comes_to_a_new_database_and_the_old_one_ends(
    generations: Generations,
) -> None:
    with generations.lent(objects(0, OBJECTS_KEPT)) as first:
        pass
    with generations.lent(objects(OBJECTS_KEPT, OBJECTS_KEPT + 1)) as second:
        assert second is not first
        assert not is_open(first)
        assert is_open(second)


def test_a_database_ends_with_its_last_query(generations: Generations) -> None:
    one = generations.take(objects(0, OBJECTS_KEPT))
    other = generations.take(objects(0, 1))
    assert one is other
    with generations.lent(objects(OBJECTS_KEPT, OBJECTS_KEPT + 1)):
        pass
    generations.give_back(one)
    assert is_open(one.database)
    generations.give_back(other)
    assert not is_open(one.database)


def test_a_query_of_more_objects_than_are_kept_finds_its_database_again(
    generations: Generations,
) -> None:
    many = objects(0, 3 * OBJECTS_KEPT)
    with generations.lent(many) as first:
        assert is_open(first)
    with generations.lent(many) as again:
        assert again is first


def test_objects_count_by_their_column_chunks(generations: Generations) -> None:
    light, heavy = objects(0, 1000), objects(1000, 1005)
    for location in light:
        generations.weigh(location, chunks=30)
    for location in heavy:
        generations.weigh(location, chunks=12_000)
    with generations.lent(light) as first:
        pass
    with generations.lent(heavy[:1]) as second:
        assert second is not first
    for location in heavy[:4]:
        with generations.lent([location]) as database:
            assert database is second
    with generations.lent(heavy[4:]) as third:
        assert third is not second


def test_the_end_ends_all(generations: Generations) -> None:
    one = generations.take(objects(0, OBJECTS_KEPT))
    other = generations.take(objects(OBJECTS_KEPT, OBJECTS_KEPT + 1))
    generations.close()
    assert not is_open(one.database)
    assert not is_open(other.database)
    generations.give_back(one)
