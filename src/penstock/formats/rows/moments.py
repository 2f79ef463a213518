"""Dates, times, timestamps and lengths of time as ISO 8601 text.

Days and seconds are looked up in tables of ready text; what lies outside them is written one by
one. Years have four digits, more where they need more, and a minus before year 0.
"""

from collections.abc import Callable
from datetime import date
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from penstock.formats.rows.numbers import divided

UNITS_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}

_EPOCH = date(1970, 1, 1).toordinal()
_FIRST_DAY = date(1700, 1, 1).toordinal() - _EPOCH
_END_DAY = date(2200, 1, 1).toordinal() - _EPOCH
_DAY_SECONDS = 86_400
_MINUTE = 60
_GROUP = 1_000
_FEBRUARY = 2


def dates(column: pa.Array) -> list[pa.Array]:
    """Write date32 or date64; a date64 within a day is that day."""
    if pa.types.is_date32(column.type):
        return [_days(column.view(pa.int32()))]
    return [_days(_floored(column.view(pa.int64()), _DAY_SECONDS * 1_000)[0])]


def timestamps(column: pa.Array) -> list[pa.Array]:
    """Write `2024-05-01T12:30:00`, with digits below the second in threes and only where needed.

    A timestamp with a zone is written in UTC with a `Z`, one without has none.
    """
    units = UNITS_PER_SECOND[column.type.unit]
    suffix = "" if column.type.tz is None else "Z"
    days, rest = _floored(column.view(pa.int64()), _DAY_SECONDS * units)
    return [_days(days), *_clock(rest, units, prefix="T", suffix=suffix)]


def times(column: pa.Array) -> list[pa.Array]:
    """Write `12:30:00` with digits as a timestamp has them; `24:00:00` is the day's end."""
    units = UNITS_PER_SECOND[column.type.unit]
    width = pa.int32() if pa.types.is_time32(column.type) else pa.int64()
    values = column.view(width).cast(pa.int64())
    low, high = _bounds(values)
    if low >= 0 and high <= _DAY_SECONDS * units:
        return _clock(values, units, prefix="", suffix="")
    return _one_by_one(values, lambda value: _time_text(value, units))


def durations(column: pa.Array) -> list[pa.Array]:
    """Write seconds, as in `PT90.5S` or `-PT0.001S`."""
    units = UNITS_PER_SECOND[column.type.unit]
    return _one_by_one(column.view(pa.int64()), lambda value: _duration_text(value, units))


def intervals(column: pa.Array) -> list[pa.Array]:
    """Write months, days and nanoseconds, each with its own sign: `P14M-3DT0.5S`."""
    return _one_by_one(column, _interval_text)


def _days(days: pa.Array) -> pa.Array:
    low, high = _bounds(days)
    first = pa.scalar(_FIRST_DAY, days.type)
    if low >= _FIRST_DAY and high < _END_DAY:
        return pc.take(_day_texts(), pc.subtract(days, first), boundscheck=False)
    end = pa.scalar(_END_DAY, days.type)
    outside = pc.or_(pc.less(days, first), pc.greater_equal(days, end)).fill_null(False)
    inside = pc.subtract(pc.if_else(outside, first, days), first)
    rare = days.filter(outside).dictionary_encode()
    rare_texts = pa.array(map(_day_text, rare.dictionary.to_pylist()), pa.string())
    texts = pc.take(_day_texts(), inside, boundscheck=False)
    return pc.replace_with_mask(texts, outside, pc.take(rare_texts, rare.indices))


def _clock(rest: pa.Array, units: int, *, prefix: str, suffix: str) -> list[pa.Array]:
    """Write units since midnight: the time, then below the second one part for three digits."""
    seconds, below = divided(rest, units)
    if _bounds(below)[1] == 0:
        return [pc.take(_second_texts(prefix, suffix), seconds, boundscheck=False)]
    parts = [pc.take(_second_texts(prefix, ""), seconds, boundscheck=False)]
    point = "."
    while units > 1:
        units //= _GROUP
        group, below = divided(below, units)
        if units > 1:
            # The table's second half stands where digits follow: its zeros are written.
            follows = pc.not_equal(below, pa.scalar(0, pa.int64())).cast(pa.int64())
            group = pc.add(group, pc.multiply(follows, pa.scalar(_GROUP, pa.int64())))
        texts = _group_texts(point, "" if units > 1 else suffix)
        parts.append(pc.take(texts, group, boundscheck=False))
        point = ""
    return parts


def _floored(values: pa.Array, divisor: int) -> tuple[pa.Array, pa.Array]:
    quotient, rest = divided(values, divisor)
    if _bounds(rest)[0] >= 0:
        return quotient, rest
    below = pc.less(rest, pa.scalar(0, pa.int64()))
    up = pc.add(rest, pa.scalar(divisor, pa.int64()))
    return pc.subtract(quotient, below.cast(pa.int64())), pc.if_else(below, up, rest)


def _bounds(values: pa.Array) -> tuple[int, int]:
    """Give the least and the greatest value, and zeros where all are null."""
    bounds = pc.min_max(values).as_py()
    return (bounds["min"] or 0, bounds["max"] or 0)


@lru_cache(maxsize=1)
def _day_texts() -> pa.Array:
    return _range(_FIRST_DAY, _END_DAY).view(pa.date32()).cast(pa.string())


@lru_cache(maxsize=4)
def _second_texts(prefix: str, suffix: str) -> pa.Array:
    seconds = _range(0, _DAY_SECONDS).view(pa.time32("s"))
    texts = pa.concat_arrays([seconds.cast(pa.string()), pa.array(["24:00:00"])])
    return pc.binary_join_element_wise(prefix, texts, suffix, "")


@lru_cache(maxsize=8)
def _group_texts(point: str, suffix: str) -> pa.Array:
    needed = [f"{point}{group:03}{suffix}" for group in range(_GROUP)]
    return pa.array([suffix, *needed[1:], *needed], pa.string())


def _range(first: int, end: int) -> pa.Array:
    """Give these numbers; made of a Python range, they take 25 ms of a first answer."""
    ones = pa.repeat(pa.scalar(1, pa.int32()), end - first)
    return pc.cumulative_sum(ones, start=first - 1)


def _one_by_one(values: pa.Array, text: Callable[[int], str]) -> list[pa.Array]:
    texts = [None if value is None else text(value) for value in values.to_pylist()]
    return [pa.array(texts, pa.string())]


def _day_text(day: int) -> str:
    """Count years of 400-year cycles (146,097 days each) that begin on 1 March of year 0."""
    cycle, day_of_cycle = divmod(day + 719_468, 146_097)
    leap_days = day_of_cycle // 1_460 - day_of_cycle // 36_524 + day_of_cycle // 146_096
    year_of_cycle = (day_of_cycle - leap_days) // 365
    day_of_year = day_of_cycle - 365 * year_of_cycle - year_of_cycle // 4 + year_of_cycle // 100
    month_from_march = (5 * day_of_year + 2) // 153
    month = (month_from_march + 2) % 12 + 1
    year = 400 * cycle + year_of_cycle + (month <= _FEBRUARY)
    day_of_month = day_of_year - (153 * month_from_march + 2) // 5 + 1
    return f"{'-' if year < 0 else ''}{abs(year):04}-{month:02}-{day_of_month:02}"


def _time_text(value: int, units: int) -> str:
    seconds, below = divmod(abs(value), units)
    minutes, second = divmod(seconds, _MINUTE)
    hour, minute = divmod(minutes, _MINUTE)
    sign = "-" if value < 0 else ""
    return f"{sign}{hour:02}:{minute:02}:{second:02}{_below_text(below, units)}"


def _duration_text(value: int, units: int) -> str:
    seconds, below = divmod(abs(value), units)
    return f"{'-' if value < 0 else ''}PT{seconds}{_below_text(below, units)}S"


def _interval_text(value: pa.MonthDayNano) -> str:
    months, days, nanoseconds = value
    units = UNITS_PER_SECOND["ns"]
    seconds, below = divmod(abs(nanoseconds), units)
    text = "P" + (f"{months}M" if months else "") + (f"{days}D" if days else "")
    if nanoseconds or text == "P":
        sign = "-" if nanoseconds < 0 else ""
        text += f"T{sign}{seconds}{_below_text(below, units)}S"
    return text


def _below_text(below: int, units: int) -> str:
    if not below:
        return ""
    digits = f"{below:0{len(str(units)) - 1}}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f".{digits}"
