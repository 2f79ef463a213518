"""One column of a batch, of any type that isn't nested, as text."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from penstock.formats.rows import moments, numbers, text

_types = pa.types


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """A column's text: joined row by row, its parts are the cells.

    In a row that is null every part is null. `quoted` says whether JSON writes it as a string.
    """

    parts: list[pa.Array]
    quoted: bool


def cells(column: pa.Array) -> Cells:
    """Write a column that `is_scalar`; a text column comes back as it is."""
    kind = column.type
    if is_text(kind):
        return Cells(parts=[text.plain_text(column)], quoted=True)
    if _types.is_integer(kind):
        return Cells(parts=numbers.integers(column), quoted=False)
    if _types.is_floating(kind):
        return Cells(parts=numbers.floats(column), quoted=False)
    if _types.is_decimal(kind):
        return Cells(parts=numbers.decimals(column), quoted=False)
    if _types.is_boolean(kind) or _types.is_null(kind):
        return Cells(parts=[column.cast(pa.string())], quoted=False)
    return Cells(parts=_moments_or_bytes(column), quoted=True)


def plain(column: pa.Array) -> pa.Array:
    """Undo the encodings that only save space: dictionaries, runs, views, extension types."""
    kind = column.type
    if isinstance(kind, pa.UuidType):
        return pa.array([value and str(value) for value in column.to_pylist()], pa.string())
    if isinstance(kind, pa.Bool8Type):
        return column.storage.cast(pa.bool_())
    if isinstance(kind, pa.BaseExtensionType):
        return plain(column.storage)
    if _types.is_dictionary(kind):
        return plain(column.dictionary_decode())
    if _types.is_run_end_encoded(kind):
        return plain(pc.run_end_decode(column))
    if _types.is_string_view(kind):
        return column.cast(pa.large_string())
    if _types.is_binary_view(kind):
        return column.cast(pa.large_binary())
    return column


def entries(column: pa.Array) -> pa.Array:
    """Give a map column as lists of key and value; pyarrow's own cast fails on some slices."""
    offsets = pc.add(column.offsets, pa.scalar(0, pa.int32()))  # a copy that is no slice
    return pa.ListArray.from_arrays(offsets, column.values, mask=column.is_null())


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Give the type that `plain` makes of a column of this one."""
    if isinstance(kind, pa.UuidType):
        return pa.string()
    if isinstance(kind, pa.Bool8Type):
        return pa.bool_()
    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(kind.storage_type)
    if _types.is_dictionary(kind) or _types.is_run_end_encoded(kind):
        return plain_type(kind.value_type)
    if _types.is_string_view(kind):
        return pa.large_string()
    return pa.large_binary() if _types.is_binary_view(kind) else kind


def is_text(kind: pa.DataType) -> bool:
    """Whether this is a string type of any width."""
    return bool(
        _types.is_string(kind) or _types.is_large_string(kind) or _types.is_string_view(kind)
    )


def is_scalar(kind: pa.DataType) -> bool:
    """Whether `cells` can write a `plain` column of this type."""
    return is_text(kind) or any(
        test(kind)
        for test in (
            _types.is_integer,
            _types.is_floating,
            _types.is_decimal,
            _types.is_boolean,
            _types.is_null,
            _types.is_date,
            _types.is_time,
            _types.is_timestamp,
            _types.is_duration,
            _types.is_interval,
            _types.is_binary,
            _types.is_large_binary,
            _types.is_fixed_size_binary,
        )
    )


def _moments_or_bytes(column: pa.Array) -> list[pa.Array]:
    kind = column.type
    if _types.is_date(kind):
        return moments.dates(column)
    if _types.is_timestamp(kind):
        return moments.timestamps(column)
    if _types.is_time(kind):
        return moments.times(column)
    if _types.is_duration(kind):
        return moments.durations(column)
    if _types.is_interval(kind):
        return moments.intervals(column)
    return [text.base16(column)]
