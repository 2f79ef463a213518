"""Moments: ISO 8601 text into dates, times and timestamps, to the precision of a column."""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone

from penstock.model.dataset import Column
from penstock.model.slice import Constant
from penstock.query.bad_values import bad_value

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_CLOCK = r"([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
# A zone's unencoded plus sign arrives as a space: “10:30 01:00” can only mean “+01:00”.
_ZONE = r"(?: ?(?P<zone>[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)| (?P<spaced>[0-9]{2}:?[0-9]{2}))?"
_MOMENT = re.compile(rf"([0-9-]{{10}})(?:[Tt ]{_CLOCK}{_ZONE})?")
_TIME = re.compile(_CLOCK + _ZONE)

_NANOSECONDS_FROM = date(1677, 9, 22)
_NANOSECONDS_TO = date(2262, 4, 10)
"""Whole days that 64 bits of nanoseconds since 1970 can hold."""


def is_date(text: str) -> bool:
    """Whether a text is a date without a time of day."""
    return _DATE.fullmatch(text.strip()) is not None


def date_constant(text: str, of: Column, *, parameter: str) -> Constant:
    """Give a date, `YYYY-MM-DD`. Raises BadValueError."""
    return Constant(_date(text.strip(), text, of, parameter), "DATE")


def day_of(text: str, of: Column, *, parameter: str) -> date:
    """Give the calendar day that a timestamp is to lie in. Raises BadValueError."""
    if not is_date(text):
        raise bad_value(text, of, parameter=parameter, expected="a date, such as 2024-05-01")
    day = _date(text.strip(), text, of, parameter)
    if of.type_name == "TIMESTAMP_NS":
        _check_nanosecond_range(day, text, of, parameter)
    return day


def moment_constant(text: str, of: Column, *, parameter: str) -> Constant:
    """Give a timestamp; a bare date means 00:00, and no zone means UTC.

    A column without a zone gets the moment in UTC. Places finer than the column's are refused
    unless they are zeros. Raises BadValueError.
    """
    matched = _MOMENT.fullmatch(text.strip())
    if matched is None:
        raise bad_value(text, of, parameter=parameter)
    day = _date(matched[1], text, of, parameter)
    clock, nanoseconds = _clock(matched, 2, text, of, parameter)
    try:
        moment = datetime.combine(day, clock, tzinfo=_zone(matched) or UTC).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise bad_value(text, of, parameter=parameter) from error
    if of.kind == "timestamptz":
        _refuse_nanoseconds(nanoseconds, text, of, parameter)
        return Constant(moment, "TIMESTAMP WITH TIME ZONE")
    moment = moment.replace(tzinfo=None)
    if of.type_name == "TIMESTAMP_NS":
        _check_nanosecond_range(moment.date(), text, of, parameter)
        return Constant(_with_nanoseconds(moment.isoformat(), nanoseconds), "TIMESTAMP_NS")
    _refuse_nanoseconds(nanoseconds, text, of, parameter)
    return Constant(moment, "TIMESTAMP")


def time_constant(text: str, of: Column, *, parameter: str) -> Constant:
    """Give a time of day; a zone fits only a column that has one. Raises BadValueError."""
    matched = _TIME.fullmatch(text.strip())
    if matched is None:
        raise bad_value(text, of, parameter=parameter)
    clock, nanoseconds = _clock(matched, 1, text, of, parameter)
    try:
        zone = _zone(matched)
    except ValueError as error:
        raise bad_value(text, of, parameter=parameter) from error
    if of.type_name == "TIME WITH TIME ZONE":
        _refuse_nanoseconds(nanoseconds, text, of, parameter)
        return Constant(clock.replace(tzinfo=zone or UTC), of.type_name)
    if zone is not None:
        expected = "a time without a zone: this column has none"
        raise bad_value(text, of, parameter=parameter, expected=expected)
    if of.type_name == "TIME_NS":
        return Constant(_with_nanoseconds(clock.isoformat(), nanoseconds), of.type_name)
    _refuse_nanoseconds(nanoseconds, text, of, parameter)
    return Constant(clock, of.type_name)


def _date(part: str, text: str, of: Column, parameter: str) -> date:
    matched = _DATE.fullmatch(part)
    try:
        if matched is not None:
            return date(int(matched[1]), int(matched[2]), int(matched[3]))
    except ValueError as error:
        raise bad_value(text, of, parameter=parameter, expected="a date that exists") from error
    raise bad_value(text, of, parameter=parameter)


def _clock(
    matched: re.Match[str], first: int, text: str, of: Column, parameter: str
) -> tuple[time, int]:
    """Give the time to the microsecond, and the nanoseconds that are left over."""
    hour, minute, second, fraction = (matched[first + index] or "0" for index in range(4))
    billionths = int(fraction.ljust(9, "0"))
    try:
        clock = time(int(hour), int(minute), int(second), billionths // 1000)
    except ValueError as error:
        expected = "a time of day that exists"
        raise bad_value(text, of, parameter=parameter, expected=expected) from error
    return clock, billionths % 1000


def _zone(matched: re.Match[str]) -> timezone | None:
    written = matched["zone"] or matched["spaced"]
    if written is None:
        return None
    if written in {"Z", "z"}:
        return UTC
    digits = written.lstrip("+-").replace(":", "").ljust(4, "0")
    if int(digits[2:]) >= 60:  # noqa: PLR2004 - minutes of an hour
        raise ValueError(written)
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if written.startswith("-") else offset)


def _refuse_nanoseconds(nanoseconds: int, text: str, of: Column, parameter: str) -> None:
    if nanoseconds:
        expected = "at most microseconds, six digits"
        raise bad_value(text, of, parameter=parameter, expected=expected)


def _check_nanosecond_range(day: date, text: str, of: Column, parameter: str) -> None:
    if not _NANOSECONDS_FROM <= day <= _NANOSECONDS_TO:
        expected = f"a day from {_NANOSECONDS_FROM} to {_NANOSECONDS_TO}"
        raise bad_value(text, of, parameter=parameter, expected=expected)


def _with_nanoseconds(text: str, nanoseconds: int) -> str:
    if not nanoseconds:
        return text
    return f"{text if '.' in text else text + '.000000'}{nanoseconds:03d}"
