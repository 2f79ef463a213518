"""Values read back from text by other means than the encoders', to compare with what went in."""

import math
import re
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa

from penstock.formats import named
from penstock.model.format import Style

UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_CLOCK = re.compile(r"(?:T)?(\d\d):(\d\d):(\d\d)(?:\.((?:\d{3}){1,3}))?(Z?)")
_DURATION = re.compile(r"(-?)PT(\d+)(?:\.(\d+))?S")


def encoded(extension: str, *batches: pa.RecordBatch, style: Style = Style()) -> bytes:
    return b"".join(named(extension).encode(iter(batches), batches[0].schema, style))


def stored(column: pa.Array) -> list[object]:
    """The column's values; moments as integers in their own unit, NaN as one that equals itself."""
    if pa.types.is_dictionary(column.type):
        return stored(column.dictionary_decode())
    if pa.types.is_temporal(column.type):
        wide = column.type.bit_width == 64
        return list(column.view(pa.int64() if wide else pa.int32()).to_pylist())
    return [same_nan(value) for value in column.to_pylist()]


def same_nan(value: object) -> object:
    if isinstance(value, dict):
        return {key: same_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [same_nan(item) for item in value]
    if isinstance(value, tuple):
        return tuple(same_nan(item) for item in value)
    return "NaN" if isinstance(value, float) and math.isnan(value) else value


def value_of(text: str, kind: pa.DataType) -> object:
    """Read one cell's text as a value of the type, in the way `stored` gives it."""
    test = pa.types
    if test.is_boolean(kind):
        return {"true": True, "false": False}[text]
    if test.is_integer(kind):
        return int(text)
    if test.is_floating(kind):
        number = pa.scalar(float(text), pa.float64()).cast(kind, safe=False)
        return same_nan(number.as_py())
    if test.is_decimal(kind):
        assert "e" not in text.lower()
        assert len(text.partition(".")[2]) == kind.scale
        return Decimal(text)
    if test.is_date(kind):
        day = date.fromisoformat(text).toordinal() - _EPOCH_DAY
        return day if test.is_date32(kind) else day * 86_400_000
    if test.is_time(kind):
        return _clock(text, kind.unit)
    if test.is_timestamp(kind):
        assert text.endswith("Z") == (kind.tz is not None)
        day = datetime.fromisoformat(text[:10]).toordinal() - _EPOCH_DAY
        return day * 86_400 * UNITS[kind.unit] + _clock(text[10:], kind.unit)
    if test.is_duration(kind):
        return _duration(text, kind.unit)
    if test.is_binary(kind) or test.is_large_binary(kind) or test.is_fixed_size_binary(kind):
        return bytes.fromhex(text)
    return text


def _clock(text: str, unit: str) -> int:
    found = _CLOCK.fullmatch(text)
    assert found, text
    hours, minutes, seconds = (int(part) for part in found.groups()[:3])
    below = found[4] or ""
    assert below == "" or int(below[-3:]) != 0, "no group of zeros at the end"
    units = UNITS[unit]
    digits = len(str(units)) - 1
    return (hours * 3600 + minutes * 60 + seconds) * units + int(below.ljust(digits, "0") or 0)


def _duration(text: str, unit: str) -> int:
    found = _DURATION.fullmatch(text)
    assert found, text
    digits = len(str(UNITS[unit])) - 1
    whole = int(found[2]) * UNITS[unit] + int((found[3] or "").ljust(digits, "0") or 0)
    return -whole if found[1] else whole
