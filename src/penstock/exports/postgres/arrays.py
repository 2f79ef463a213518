"""Arrays as the driver gives them, checked and turned into those of their columns."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from penstock.errors import PermanentError
from penstock.exports.postgres.columns import Column

_FIRST_DAY = -2_440_550
_FIRST_MICROSECOND = -210_863_520_000_000_000
"""The first date and moment of PostgreSQL, 4713 BC, counted from 1970.

The driver adds the years from 1970 to 2000 to what PostgreSQL counts from 2000 on, and the infinite
ones (the greatest and least numbers) then come out before that, as do moments after the year
294246.
"""
_DAY_MICROSECONDS = 86_400_000_000
_NOT_FINITE = pa.array(["NaN", "Infinity", "-Infinity"])


def to_batch(
    arrays: Sequence[pa.Array], columns: Sequence[Column], schema: pa.Schema
) -> pa.RecordBatch:
    """Give what arrived for `select` and `dimensions` of each column as one batch of `schema`.

    Vectorised: no value passes through Python. Arrays that have their type already aren't copied.

    Raises PermanentError, naming the column and its type, for a value that this type has not.
    """
    arrived = iter(arrays)
    given = []
    for column in columns:
        values = next(arrived)
        if column.dimensions is not None and (pc.max(next(arrived)).as_py() or 0) > 1:
            raise _unfit(column, "an array of several dimensions")
        given.append(_fit(values, column))
    return pa.RecordBatch.from_arrays(given, schema=schema)


def _fit(values: pa.Array, column: Column) -> pa.Array:
    is_list = column.dimensions is not None
    kind = column.type.value_type if is_list else column.type
    leaves = values.flatten() if is_list else values
    if pa.types.is_date(kind):
        _refuse_below(leaves.view(pa.int32()), _FIRST_DAY, column, "an infinite date")
    elif pa.types.is_timestamp(kind):
        _refuse_below(
            leaves.view(pa.int64()),
            _FIRST_MICROSECOND,
            column,
            "an infinite moment, or one after the year 294246",
        )
    elif pa.types.is_time(kind):
        latest = pc.max(leaves.view(pa.int64())).as_py()
        if latest is not None and latest >= _DAY_MICROSECONDS:
            raise _unfit(column, "the time 24:00:00")
    if values.type == column.type:
        return values
    try:
        return values.cast(column.type)
    except pa.ArrowInvalid as error:
        if pc.any(pc.is_in(leaves, _NOT_FINITE)).as_py():
            raise _unfit(column, "NaN or an infinite number") from error
        raise _unfit(column, "a value beyond its own type") from error


def _refuse_below(numbers: pa.Array, first: int, column: Column, what: str) -> None:
    least = pc.min(numbers).as_py()
    if least is not None and least < first:
        raise _unfit(column, what)


def _unfit(column: Column, what: str) -> PermanentError:
    return PermanentError(
        f"Column “{column.name}” ({column.kind}) holds {what}, which an export can't: replace it "
        "in the query or in the table.",
        column=column.name,
        column_type=column.kind,
    )
