from decimal import Decimal

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from penstock.local.demo.arrays import (
    counted,
    draw,
    drawn,
    happens,
    hash_of,
    hashed,
    joined,
    picked,
    scaled,
)


@given(
    rows=st.lists(st.integers(0, 2**62), max_size=5),
    salt=st.integers(0, 1000),
    below=st.integers(1, 2**31),
)
def test_a_column_is_drawn_as_its_single_numbers_are(
    rows: list[int], salt: int, below: int
) -> None:
    numbers = pa.array(rows, pa.int64())
    assert hashed(numbers, salt=salt).to_pylist() == [hash_of(row, salt=salt) for row in rows]
    values = drawn(numbers, below=below, salt=salt).to_pylist()
    assert values == [draw(row, below=below, salt=salt) for row in rows]
    assert all(0 <= value < below for value in values)


@given(rows=st.lists(st.integers(-(10**15), 10**15), max_size=5), scale=st.integers(0, 6))
def test_a_scaled_number_keeps_every_digit(rows: list[int], scale: int) -> None:
    decimals = scaled(pa.array(rows, pa.int64()), precision=19, scale=scale).to_pylist()
    assert decimals == [Decimal(row).scaleb(-scale) for row in rows]


def test_draws_are_spread_and_stay_what_they_are() -> None:
    rows = counted(10_000)
    assert hash_of(0, salt=0) == 16294208416658607535
    assert 2_800 < happens(rows, per_thousand=300, salt=1).to_pylist().count(True) < 3_200
    assert set(picked(rows, ("a", None, "b"), salt=2).to_pylist()) == {"a", None, "b"}
    assert joined("x", counted(2, start=9), "-").to_pylist() == ["x9-", "x10-"]
