"""Exactness: what the engine would read otherwise than it is stored, found before it is served.

The engine has no decimals of more than 38 digits, and no nanoseconds in times of day, in moments
with a zone and in the old int96. Most files with such nanoseconds don't use them (pandas writes
every moment so): therefore those columns are looked through, once, by pyarrow.
"""

import json
from collections.abc import Callable, Iterator
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from penstock.errors import UnreadableColumnError
from penstock.model.dataset import DurationUnit

_MOST_DIGITS = 38
_BATCH_ROWS = 65_536
_INT96_END = 10**18
"""Microseconds, to about the year 33,000: an int96 beyond has overflowed, and is no moment."""

_types = pa.types


class Opener(Protocol):
    """Opens the Parquet file that is looked at, once more, with options of pyarrow's."""

    def __call__(self, *, coerce_int96_timestamp_unit: str) -> pq.ParquetFile:
        """Open it, with int96 in this unit."""
        ...


def refuse_inexact(file: pq.ParquetFile, *, dataset: str, again: Opener) -> None:
    """Return if the engine reads every value of an open file as it is stored.

    Reads the footer, and of the columns in doubt each value once; holds a batch of one column.
    What the engine itself refuses, such as a moment beyond its calendar, is left to it.

    Raises UnreadableColumnError, which names the first column of which that isn't so.
    """
    schema = file.schema_arrow
    for field in schema:
        if _holds_duration(field.type) and (why := _duration_fault(file, field)):
            raise _unreadable(dataset, field, why)
    stored = file.schema
    for index in range(len(stored)):
        leaf = stored.column(index)
        if why := _leaf_fault(file, leaf, again=again):
            raise _unreadable(dataset, schema.field(_column_of(leaf.path, schema.names)), why)


def duration_unit(stored: pa.DataType) -> DurationUnit | None:
    """Give the unit of a column of durations, which Parquet itself knows as numbers alone."""
    if not _types.is_duration(stored):
        return None
    unit: DurationUnit = stored.unit
    return unit


def _unreadable(dataset: str, field: pa.Field, why: str) -> UnreadableColumnError:
    return UnreadableColumnError(dataset, column=field.name, column_type=str(field.type), why=why)


def _duration_fault(file: pq.ParquetFile, field: pa.Field) -> str | None:
    if not _types.is_duration(field.type):
        return "holds durations within another type: store them as numbers or text"
    # The engine counts microseconds, and hands out nanoseconds.
    if _fits(file, field.name, _as_duration("us"), _as_duration("ns")):
        return None
    return "holds parts of a microsecond, or more than 292 years: round or limit it"


def _leaf_fault(file: pq.ParquetFile, leaf: pq.ColumnSchema, *, again: Opener) -> str | None:
    match leaf.physical_type:
        case "FIXED_LEN_BYTE_ARRAY" | "BYTE_ARRAY":
            if leaf.logical_type.type == "DECIMAL" and leaf.precision > _MOST_DIGITS:
                return f"has more than {_MOST_DIGITS} digits: store it with fewer, or as text"
        case "INT96":
            if _loses_int96(file, leaf.path, again=again):
                return "holds nanoseconds, and of int96 only microseconds can be read: round it"
        case "INT64" if _may_lose_nanoseconds(leaf.logical_type):
            if not _fits(file, leaf.path, _in_microseconds):
                return "holds nanoseconds, of which only microseconds can be read: round it"
    return None


def _may_lose_nanoseconds(logical: pq.ParquetLogicalType) -> bool:
    if logical.type not in {"TIME", "TIMESTAMP"}:
        return False
    said = json.loads(logical.to_json())
    # The engine has a type of its own for timestamps in nanoseconds without a zone.
    without_zone = logical.type == "TIMESTAMP" and not said["isAdjustedToUTC"]
    return said["timeUnit"] == "nanoseconds" and not without_zone


def _fits(file: pq.ParquetFile, path: str, *casts: Callable[[pa.DataType], pa.DataType]) -> bool:
    try:
        for leaf in _leaves(file, path):
            for cast in casts:
                leaf.cast(cast(leaf.type))
    except pa.ArrowInvalid:
        return False
    return True


def _in_microseconds(kind: pa.DataType) -> pa.DataType:
    return pa.timestamp("us", kind.tz) if _types.is_timestamp(kind) else pa.time64("us")


def _as_duration(unit: DurationUnit) -> Callable[[pa.DataType], pa.DataType]:
    return lambda _: pa.duration(unit)


def _loses_int96(file: pq.ParquetFile, path: str, *, again: Opener) -> bool:
    # Nanoseconds since 1970 overflow outside 1677 to 2262, and so does the product here: both keep
    # their last 64 bits, which are equal where the microseconds say everything.
    thousand, end = pa.scalar(1000, pa.int64()), pa.scalar(_INT96_END, pa.int64())
    with again(coerce_int96_timestamp_unit="us") as coarse:
        for fine, rounded in zip(_leaves(file, path), _leaves(coarse, path), strict=True):
            kept = rounded.view(pa.int64())
            differs = pc.not_equal(pc.multiply(kept, thousand), fine.view(pa.int64()))
            within = pc.and_(pc.less(kept, end), pc.greater(kept, pc.negate(end)))
            if pc.any(pc.and_(differs, within)).as_py():
                return True
    return False


def _leaves(file: pq.ParquetFile, path: str) -> Iterator[pa.Array]:
    """Read one leaf of a file's schema, as arrays that aren't nested; nothing is read ahead."""
    for batch in file.iter_batches(_BATCH_ROWS, columns=[path], use_threads=False):
        # To pyarrow, the path “a” also means a column named “a.b”.
        yield from _flattened(batch.column(_column_of(path, batch.schema.names)))


def _flattened(column: pa.Array) -> Iterator[pa.Array]:
    if _types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if _types.is_struct(kind):
        children = column.flatten()
    elif _types.is_map(kind):
        children = [column.keys, column.items]
    elif kind.num_fields:
        children = [column.flatten()]
    else:
        yield column
        return
    for child in children:
        yield from _flattened(child)


def _holds_duration(kind: pa.DataType) -> bool:
    if _types.is_dictionary(kind):
        return _holds_duration(kind.value_type)
    inner = (kind.field(index).type for index in range(kind.num_fields))
    return _types.is_duration(kind) or any(map(_holds_duration, inner))


def _column_of(path: str, names: list[str]) -> str:
    """Name the column that a leaf belongs to; a name may hold the dots that part a path."""
    above = [name for name in names if path == name or path.startswith(f"{name}.")]
    return max(above, key=len)
