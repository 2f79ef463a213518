"""Text columns: which rows hold one of a few characters, and base16 of bytes."""

from collections.abc import Callable, Iterable
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

_WIDE_BYTES = 1 << 28
"""From this size a text that grows by escaping might pass what 32-bit offsets reach."""


def plain_text(column: pa.Array) -> pa.Array:
    """Give any kind of string column as string, or large_string where it is really large."""
    if not pa.types.is_string(column.type):
        column = column.cast(pa.large_string())
    wide = len(data(column)) >= _WIDE_BYTES
    return column.cast(pa.large_string() if wide else pa.string())


def data(column: pa.Array) -> memoryview:
    """Give the bytes of a string or binary column's rows, and none of the rows beside a slice."""
    _, _, values = column.buffers()
    if not len(column) or values is None:
        return memoryview(b"")
    edges = offsets(column)
    return memoryview(values)[edges[0].as_py() : edges[len(column)].as_py()]


def offsets(column: pa.Array) -> pa.Array:
    """Give where each row begins in the values' buffer, and, last, where the last one ends."""
    large = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
    width = pa.int64() if large else pa.int32()
    return pa.Array.from_buffers(
        width, len(column) + 1, [None, column.buffers()[1]], offset=column.offset
    )


def rows_with(column: pa.Array, raw: bytes, needles: Iterable[bytes]) -> pa.Array | None:
    """Mark the rows that hold one of these bytes; None if no row does. `raw` is the `data`.

    A null is never marked.
    """
    found = [needle for needle in needles if needle in raw]
    if not found:
        return None
    # Every needle turned into a byte beyond ASCII and all else into one within, one test finds
    # the rows: several times faster than to search each row for each needle.
    marked = raw.translate(_marking(b"".join(found)))
    edges, offset = offsets(column), 0
    if edges[0].as_py() == 0:
        offset = column.offset
    else:
        edges = pc.subtract(edges, edges[0])
    marks = pa.Array.from_buffers(
        column.type, len(column), [None, edges.buffers()[1], pa.py_buffer(marked)], offset=offset
    )
    mask = pc.invert(pc.string_is_ascii(marks))
    return pc.and_(mask, column.is_valid()) if column.null_count else mask


def changed(
    column: pa.Array, mask: pa.Array | None, change: Callable[[pa.Array], pa.Array]
) -> pa.Array:
    """Replace the marked rows by what `change` makes of them."""
    if mask is None:
        return column
    return pc.replace_with_mask(column, mask, change(column.filter(mask)))


def base16(column: pa.Array) -> pa.Array:
    """Write bytes of any kind of binary column as upper-case base16 (RFC 4648, section 8)."""
    column = column.cast(pa.large_binary())
    edges = offsets(column)
    doubled = pc.multiply(pc.subtract(edges, edges[0]), pa.scalar(2, pa.int64()))
    values = pa.py_buffer(data(column).hex().upper().encode())
    valid = column.is_valid()
    texts = pa.Array.from_buffers(
        pa.large_string(), len(column), [None, doubled.buffers()[1], values]
    )
    return plain_text(pc.if_else(valid, texts, pa.scalar(None, pa.large_string())))


@lru_cache(maxsize=64)
def _marking(needles: bytes) -> bytes:
    return bytes(0x80 if code in needles else 0 for code in range(256))
