"""Weaving: the cells of columns and the constants between them become the bytes of rows.

A row-major text is one `take` from all columns laid end to end; where many constants stand between
cells, that is two to three times as fast as pyarrow's join of rows. Measured in
docs/decisions/text-is-written-column-by-column.md.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

RowPiece: TypeAlias = pa.Array | bytes
"""Strings with one entry a row (null writes nothing), or one constant that stands in every row."""

MAX_ELEMENTS = 1 << 18
"""Cells and constants woven at once: their index is 1 MiB, and at most eight are remembered."""

_ELEMENTS_PER_COLUMN = 3
"""A cell, what stands before it, and what some types add to it."""

MAX_DECODED_BYTES = 32 << 20
"""Decoded Arrow bytes turned into text at once, but for a single row that is larger."""

MAX_INT32 = (1 << 31) - 1


def portions(
    batch: pa.RecordBatch, *, plain: Callable[[pa.Array], pa.Array]
) -> Iterator[pa.RecordBatch]:
    """Cut a batch, in order, so that each portion can be woven at once, its columns made `plain`.

    Nothing is copied but where `plain` does. A row that is too large stands alone.
    """
    rows = max(1, MAX_ELEMENTS // max(1, _ELEMENTS_PER_COLUMN * batch.num_columns))
    for start in range(0, batch.num_rows, rows):
        portion = batch.slice(start, rows)
        # A view's or a dictionary's `nbytes` is that of all it lies on, whatever the slice.
        for place, column in enumerate(portion.columns):
            decoded = plain(column)
            if decoded is not column:
                portion = portion.set_column(place, portion.schema.names[place], decoded)
        yield from _halves(portion)


def weave(parts: Sequence[RowPiece], *, rows: int) -> memoryview:
    """Write each row's parts one after the other, row after row; nothing stands between them.

    Only rows of some portion: all elements together must be few enough for a 32-bit index.
    """
    # Filling costs less than it saves: the kernels are slower where there may be nulls.
    arrays = [
        part.fill_null("") if part.null_count else part
        for part in parts
        if not isinstance(part, bytes)
    ]
    pattern, constants = _pattern(parts)
    size = sum(array.nbytes for array in arrays) + rows * sum(map(len, constants))
    string, width = (pa.string(), 4) if size < MAX_INT32 else (pa.large_string(), 8)
    laid = [pa.array(constants, pa.binary()).cast(string)]
    laid += [array if array.type == string else array.cast(string) for array in arrays]
    woven = pc.take(pa.concat_arrays(laid), _index(pattern, rows), boundscheck=False)
    _, offsets, values = woven.buffers()
    end = int.from_bytes(offsets.slice(len(woven) * width, width), "little")
    return memoryview(values)[:end] if values is not None else memoryview(b"")


def glue(parts: Sequence[RowPiece], *, keep_nulls: bool = False) -> pa.Array:
    """Make one array of strings of several parts, at least one of them an array.

    A null writes nothing, or, with `keep_nulls`, makes its row null.
    """
    arrays = [part for part in parts if not isinstance(part, bytes)]
    size = sum(array.nbytes for array in arrays)
    size += len(arrays[0]) * sum(len(part) for part in parts if isinstance(part, bytes))
    string = pa.string() if size < MAX_INT32 else pa.large_string()
    glued = [
        pa.scalar(part, pa.binary()).cast(string) if isinstance(part, bytes) else part.cast(string)
        for part in parts
    ]
    return pc.binary_join_element_wise(
        *glued,
        pa.scalar("", string),
        null_handling="emit_null" if keep_nulls else "replace",
        null_replacement="",
    )


def _pattern(parts: Sequence[RowPiece]) -> tuple[tuple[int, ...], list[bytes]]:
    """Give the order of the elements, -1 for the next array, else the place of a constant."""
    pattern: list[int] = []
    constants: list[bytes] = []
    for part in parts:
        if not isinstance(part, bytes):
            pattern.append(-1)
        elif not part:
            continue
        elif pattern and pattern[-1] >= 0:
            constants[-1] += part
        else:
            pattern.append(len(constants))
            constants.append(part)
    return tuple(pattern), constants


@lru_cache(maxsize=8)
def _index(pattern: tuple[int, ...], rows: int) -> pa.Array:
    """Where each element of each row lies: constants first, then the arrays end to end."""
    constants = sum(place >= 0 for place in pattern)
    starts: list[int] = []
    arrays = 0
    for place in pattern:
        starts.append(place if place >= 0 else constants + arrays * rows)
        arrays += place < 0
    steps = [int(place < 0) for place in pattern]
    row = pc.divide(_counting(rows * len(pattern)), pa.scalar(len(pattern), pa.int32()))
    return pc.add(_repeated(starts, rows), pc.multiply(_repeated(steps, rows), row))


def _counting(count: int) -> pa.Array:
    return pc.subtract(pc.cumulative_sum(_repeated([1], count)), pa.scalar(1, pa.int32()))


def _repeated(pattern: Sequence[int], times: int) -> pa.Array:
    data = pa.py_buffer(array("i", pattern).tobytes() * times)
    return pa.Array.from_buffers(pa.int32(), len(pattern) * times, [None, data])


def _halves(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    if batch.nbytes <= MAX_DECODED_BYTES or batch.num_rows <= 1:
        yield batch
        return
    middle = batch.num_rows // 2
    yield from _halves(batch.slice(0, middle))
    yield from _halves(batch.slice(middle))
