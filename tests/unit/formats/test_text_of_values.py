"""Numbers and moments as text: every digit, every year, one rule for all."""

import struct
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import decimal_types, untimed, values_of

from penstock.formats.rows.cells import cells
from penstock.formats.rows.weave import glue


def texts_of(column: pa.Array) -> list[str | None]:
    return list(glue(cells(column).parts, keep_nulls=True).to_pylist())


def moments(kind: pa.DataType, values: Sequence[int | None]) -> pa.Array:
    return pa.array(values, pa.int32() if kind.bit_width == 32 else pa.int64()).view(kind)


@untimed
@given(st.lists(st.none() | st.integers(-12_687_000, 11_248_000)))
def test_dates_agree_with_pyarrow_for_65_000_years(days: list[int | None]) -> None:
    column = moments(pa.date32(), days)
    assert texts_of(column) == column.cast(pa.string()).to_pylist()
    in_milliseconds = [day if day is None else day * 86_400_000 + 5 for day in days]
    assert texts_of(moments(pa.date64(), in_milliseconds)) == texts_of(column)


def test_dates_beyond_what_others_write_are_written() -> None:
    days = [2**31 - 1, None, -(2**31), date(9999, 12, 31).toordinal() - 719_163, 0, -719_529]
    assert texts_of(moments(pa.date32(), days)) == [
        "5881580-07-11",
        None,
        "-5877641-06-23",
        "9999-12-31",
        "1970-01-01",
        "-0001-12-31",
    ]


@untimed
@given(st.sampled_from(["s", "ms", "us", "ns"]), st.data())
def test_timestamps_agree_with_pyarrow_to_the_last_digit(unit: str, data: st.DataObject) -> None:
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    top = min(2**63 - 1, 10**11 * per_second)
    value = st.integers(-top, top) | st.integers(0, 10**9).map(lambda second: second * per_second)
    column = moments(pa.timestamp(unit), data.draw(st.lists(st.none() | value)))
    for ours, theirs in zip(texts_of(column), column.cast(pa.string()).to_pylist(), strict=True):
        assert (ours is None) == (theirs is None)
        if theirs is not None and ours is not None:
            whole, _, digits = theirs.replace(" ", "T").partition(".")
            while digits.endswith("000"):
                digits = digits[:-3]
            assert ours == (f"{whole}.{digits}" if digits else whole)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_the_ends_of_time_are_written(unit: str) -> None:
    ends = moments(pa.timestamp(unit, "UTC"), [2**63 - 1, None, -(2**63)])
    last, none, first = texts_of(ends)
    assert none is None
    assert last is not None
    assert first is not None
    assert last.endswith("Z")
    assert first.endswith("Z")
    assert first.startswith("-") == (unit != "ns")


def test_a_zone_is_written_as_utc_whatever_it_is() -> None:
    column = moments(pa.timestamp("ms", "Europe/London"), [1_714_521_600_000, 1_500])
    assert texts_of(column) == ["2024-05-01T00:00:00Z", "1970-01-01T00:00:01.500Z"]


def test_times_have_digits_where_needed_and_a_day_may_end_at_24() -> None:
    column = moments(pa.time64("us"), [0, 1, 1_000, 86_400_000_000, None, 3_723_000_000])
    assert texts_of(column) == [
        "00:00:00",
        "00:00:00.000001",
        "00:00:00.001",
        "24:00:00",
        None,
        "01:02:03",
    ]
    odd = moments(pa.time32("ms"), [86_401_500, -1_000, None, 5])
    assert texts_of(odd) == ["24:00:01.500", "-00:00:01", None, "00:00:00.005"]


def test_intervals_keep_months_days_and_seconds_apart() -> None:
    column = pa.array(
        [(14, -3, 500_000_000), (0, 0, 0), None, (0, 1, 0), (0, 0, -90_000_000_000)],
        pa.month_day_nano_interval(),
    )
    assert texts_of(column) == ["P14M-3DT0.500S", "PT0S", None, "P1D", "PT-90S"]


@untimed
@given(
    decimal_types().flatmap(
        lambda kind: st.tuples(st.just(kind), st.lists(st.none() | values_of(kind), max_size=20))
    )
)
def test_decimals_have_every_digit_and_no_exponent(
    typed: tuple[pa.DataType, list[Decimal | None]],
) -> None:
    kind, values = typed
    expected = [None if value is None else f"{value:f}" for value in values]
    assert texts_of(pa.array(values, kind)) == [
        text.removeprefix("-") if text is not None and not text.strip("-0.") else text
        for text in expected
    ]


def test_decimals_of_other_widths_and_negative_scales_are_written() -> None:
    hundreds = pa.array([Decimal(12_300), Decimal(0), None], pa.decimal128(5, -2))
    assert texts_of(hundreds) == ["12300", "0", None]
    wide = pa.array([Decimal("-0." + "0" * 39 + "1")], pa.decimal256(76, 40))
    assert texts_of(wide) == ["-0." + "0" * 39 + "1"]
    narrow = pa.array([Decimal("-1.05"), Decimal("99.99")], pa.decimal32(4, 2))
    assert texts_of(narrow) == ["-1.05", "99.99"]


@untimed
@given(st.lists(st.floats(allow_nan=False)))
def test_floats_are_short_and_read_back_bit_for_bit(values: list[float]) -> None:
    for text, value in zip(texts_of(pa.array(values, pa.float64())), values, strict=True):
        assert text is not None
        assert struct.pack("d", float(text)) == struct.pack("d", value)
        assert len(text.strip("-").replace(".0", "")) <= len(repr(value).replace(".0", "")) + 1


def test_floats_look_one_way_each() -> None:
    nan, infinity = float("nan"), float("inf")
    column = pa.array([1.0, -0.0, 0.1, 1e20, 1e-7, nan, infinity, -infinity, None])
    expected = ["1.0", "-0.0", "0.1", "1e20", "1e-7", "NaN", "inf", "-inf", None]
    assert texts_of(column) == expected
    assert texts_of(column.cast(pa.float32())) == expected
    assert texts_of(pa.array([0.1], pa.float32()).cast(pa.float16())) == ["0.099975586"]


def test_what_lies_under_a_null_is_never_written() -> None:
    bits = pa.py_buffer(b"\x05")
    words = pa.py_buffer(b"\xff" * 64)
    for kind in (pa.int64(), pa.float64(), pa.date64(), pa.timestamp("us"), pa.decimal128(38, 2)):
        column = pa.Array.from_buffers(kind, 4, [bits, words])
        assert [text is None for text in texts_of(column)] == [False, True, False, True]
    under = pa.Array.from_buffers(
        pa.string(),
        3,
        [bits, pa.py_buffer(struct.pack("4i", 0, 1, 3, 4)), pa.py_buffer(b'a",c')],
    )
    assert pc.sum(under.is_null()).as_py() == 1
    assert texts_of(under) == ["a", None, "c"]
