import json
from datetime import UTC, date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.exports.postgres import TableQuery
from penstock.exports.ranges import MOST_RANGES, TableRange, how_many, joined, range_of
from penstock.model.artifact import Artifact

VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.dates()
    | st.times()
    | st.datetimes(timezones=st.none() | st.just(UTC))
)


@given(st.lists(VALUES, max_size=8), st.text(), st.integers(0, 99))
def test_a_range_survives_the_way_through_json(values: list[object], sql: str, number: int) -> None:
    wanted = TableRange(
        number=number,
        snapshot="00000003-0000001B-1",
        query=TableQuery(sql=sql, parameters=tuple(values), sort=("id", "line")),
    )
    read = range_of(json.loads(json.dumps(wanted.described())))
    assert read == wanted
    for before, after in zip(values, read.query.parameters, strict=True):
        assert type(after) is type(before)


def test_dates_moments_and_times_are_told_apart() -> None:
    values = (date(2024, 5, 1), datetime(2024, 5, 1, tzinfo=UTC), time(12))
    query = TableQuery(sql="", parameters=values)
    wanted = TableRange(number=0, snapshot="0-0-1", query=query)
    assert range_of(wanted.described()).query.parameters == values


def test_a_value_that_no_query_binds_is_refused() -> None:
    wanted = TableRange(number=0, snapshot="0-0-1", query=TableQuery(sql="", parameters=([],)))
    with pytest.raises(TypeError, match="list"):
        wanted.described()


def test_parts_are_joined_in_the_order_of_their_ranges() -> None:
    parts = [Artifact(part=f"part-{n}", rows=n, bytes=n, sha256="") for n in range(5)]
    assert joined([(parts[0], parts[1]), (), (parts[2],), (parts[3], parts[4])]) == tuple(parts)


@given(st.integers(0, 10**10), st.integers(1, 100), st.integers(1, 10**6))
def test_ranges_are_neither_small_nor_too_many(rows: int, at_once: int, least_rows: int) -> None:
    n = how_many(rows, at_once=at_once, least_rows=least_rows)
    assert 1 <= n <= MOST_RANGES
    assert n == 1 or rows // n >= least_rows
    assert n == 1 or at_once > 1


def test_more_rows_are_never_in_fewer_ranges() -> None:
    counts = [how_many(rows, at_once=4, least_rows=100_000) for rows in range(0, 10**8, 99_999)]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (1, MOST_RANGES)


@pytest.mark.parametrize(
    ("rows", "at_once", "n"),
    [(10**8, 1, 1), (199_999, 2, 1), (300_000, 2, 3), (2_000_000, 2, 8), (8_000_000, 4, 16)],
)
def test_there_are_several_ranges_for_each_reader(rows: int, at_once: int, n: int) -> None:
    assert how_many(rows, at_once=at_once, least_rows=100_000) == n
