"""A column of any type as JSON values (RFC 8259), nested ones included."""

import json
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from penstock.formats.rows import text
from penstock.formats.rows.cells import Cells, cells, entries, is_scalar, is_text, plain, plain_type
from penstock.formats.rows.weave import RowPiece, glue

_types = pa.types
_FIRST_PRINTABLE = 0x20
_CONTROLS = [bytes([code]) for code in range(_FIRST_PRINTABLE)]


def value_parts(column: pa.Array, *, int64_as_text: bool = False) -> Iterator[RowPiece]:
    """Give the parts of a column's JSON values, all rows of it; null is `null`.

    NaN and the infinities are null, bytes are base16, decimals are numbers with every digit.
    `int64_as_text` writes integers of 64 bits as strings, but not those within nested values.
    Give it only types that `is_writable`.
    """
    column = plain(column)
    kind = column.type
    if not is_scalar(kind):
        yield _null_where_absent(_nested(column), column)
        return
    if _types.is_floating(kind):
        column = finite(column)
    if is_text(kind):
        value = Cells(parts=[escaped(text.plain_text(column))], quoted=True)
    else:
        value = cells(column)
    if value.quoted or (int64_as_text and is_int64(kind)):
        yield from _quoted(value.parts, column)
    else:
        yield value.parts[0].fill_null("null") if column.null_count else value.parts[0]
        yield from value.parts[1:]


def string(value: str) -> bytes:
    """Write one JSON string as the encoders write theirs."""
    return json.dumps(value, ensure_ascii=False).encode()


def escaped(column: pa.Array) -> pa.Array:
    """Escape what JSON must (quote, backslash, below U+0020), in the way Python's json does."""
    view = text.data(column)
    numbers = pa.Array.from_buffers(pa.uint8(), len(view), [None, pa.py_buffer(view)])
    raw = bytes(view)
    needles = [b"\\", b'"']
    if raw and pc.min(numbers).as_py() < _FIRST_PRINTABLE:
        needles += _CONTROLS
    needles = [needle for needle in needles if needle in raw]

    def escape(rows: pa.Array) -> pa.Array:
        # The backslash comes first: the others' escapes hold one.
        for needle in needles:
            character = needle.decode()
            rows = pc.replace_substring(rows, character, json.dumps(character)[1:-1])
        return rows

    return text.changed(column, text.rows_with(column, raw, needles), escape)


def finite(column: pa.Array) -> pa.Array:
    """Make NaN and the infinities null, which is what JSON has for them."""
    if _types.is_float16(column.type):
        column = column.cast(pa.float32())
    finite = pc.is_finite(column)
    if pc.all(finite).as_py() is not False:
        return column
    return pc.if_else(finite, column, pa.scalar(None, column.type))


def is_int64(kind: pa.DataType) -> bool:
    """Whether this is an integer that a JavaScript number may not hold."""
    return bool(_types.is_int64(kind) or _types.is_uint64(kind))


def is_writable(kind: pa.DataType) -> bool:
    """Whether `value_parts` can write a column of this type."""
    kind = plain_type(kind)
    if _types.is_map(kind):
        return is_scalar(plain_type(kind.key_type)) and is_writable(kind.item_type)
    if _types.is_struct(kind):
        return all(is_writable(field.type) for field in kind)
    if _is_list(kind):
        return is_writable(kind.value_type)
    return is_scalar(kind)


def _quoted(parts: Sequence[pa.Array], column: pa.Array) -> Iterator[RowPiece]:
    if not column.null_count:
        yield b'"'
        yield from parts
        yield b'"'
        return
    valid = column.is_valid().cast(pa.int8())
    yield pc.take(pa.array(["null", '"']), valid, boundscheck=False)
    yield from parts
    yield pc.take(pa.array(["", '"']), valid, boundscheck=False)


def _nested(column: pa.Array) -> pa.Array:
    if _types.is_struct(column.type):
        return _objects(column)
    if not _types.is_map(column.type):
        # Unlike the values behind it, `flatten` leaves out what lies under a null list.
        return _bracketed(b"[", column, value_parts(column.flatten()), b"]")
    column = entries(column)
    keys, items = column.flatten().flatten()
    return _bracketed(b"{", column, [*_names(plain(keys)), b":", *value_parts(items)], b"}")


def _objects(column: pa.Array) -> pa.Array:
    parts: list[RowPiece] = []
    for field, child in zip(column.type, column.flatten(), strict=True):
        parts += [b"," if parts else b"{", string(field.name), b":", *value_parts(child)]
    return glue([*parts, b"}"]) if parts else pa.repeat("{}", len(column))


def _names(keys: pa.Array) -> Iterator[RowPiece]:
    """Write a map's keys: one of another type than text becomes a string of its text."""
    return value_parts(keys) if is_text(keys.type) else _quoted(cells(keys).parts, keys)


def _bracketed(begin: bytes, column: pa.Array, items: Iterable[RowPiece], end: bytes) -> pa.Array:
    """Join the items of each list of the column by commas, within brackets."""
    lengths = pc.fill_null(pc.list_value_length(column), 0).cast(pa.int64())
    edges = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(lengths)])
    glued = glue(list(items))
    lists = pa.LargeListArray.from_arrays(edges, glued)
    joined = pc.binary_join(lists, pa.scalar(",", glued.type))
    return glue([begin, joined, end])


def _null_where_absent(texts: pa.Array, column: pa.Array) -> pa.Array:
    if not column.null_count:
        return texts
    return pc.if_else(column.is_valid(), texts, pa.scalar("null", texts.type))


def _is_list(kind: pa.DataType) -> bool:
    return any(
        test(kind)
        for test in (
            _types.is_list,
            _types.is_large_list,
            _types.is_fixed_size_list,
            _types.is_list_view,
            _types.is_large_list_view,
        )
    )
