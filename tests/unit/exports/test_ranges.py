import json
from datetime import UTC, date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.exports.postgres import TableQuery
from penstock.exports.ranges import TableRange, joined, range_of
from penstock.model.job import Artifact

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
