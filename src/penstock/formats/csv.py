"""CSV (RFC 4180, but for LF as the default line end): fields are quoted only where they must be."""

from dataclasses import replace
from functools import lru_cache
from string import ascii_letters, digits

import pyarrow as pa
import pyarrow.compute as pc

from penstock.formats.rows import text
from penstock.formats.rows.cells import cells, is_scalar, is_text, plain
from penstock.formats.rows.file import check, cut, joined
from penstock.formats.rows.values import value_parts
from penstock.formats.rows.weave import RowPiece, glue, portions, weave
from penstock.model.format import Format, Pieces, Style

_BOM = b"\xef\xbb\xbf"
_FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins with one of these is a formula, or may become one."""
_WITHOUT_TEXT = frozenset(ascii_letters + digits + "+-.:")
"""What fields of other types than text are made of."""


def _head(schema: pa.Schema, style: Style) -> bytes:
    check(schema, format_name="CSV")
    bom = _BOM if style.bom or style.excel else b""
    if not style.header or not len(schema):
        return bom
    names = pa.array(schema.names, pa.string())
    names = _quoted(_defused(names) if style.excel else names, style, alone=len(schema) == 1)
    return bom + style.delimiter.join(names.to_pylist()).encode() + _line_end(style)


def _body(batch: pa.RecordBatch, style: Style) -> list[bytes]:
    if not batch.num_columns:
        return []
    return cut(_rows(portion, style) for portion in portions(batch, plain=plain))


def _rows(batch: pa.RecordBatch, style: Style) -> memoryview:
    parts: list[RowPiece] = []
    between, opened = b"", None
    for column in batch.columns:
        fields, quoted = _fields(column, style, alone=batch.num_columns == 1)
        parts += [_edge(opened, between, quoted), *fields]
        between, opened = style.delimiter.encode(), quoted
    return weave([*parts, _edge(opened, _line_end(style), None)], rows=batch.num_rows)


def _edge(before: pa.Array | None, between: bytes, behind: pa.Array | None) -> RowPiece:
    """Write what stands between two fields, with a quote on a side where a row is marked for it.

    A quote costs nothing there: the delimiter is one element of a row in any case.
    """
    if before is None and behind is None:
        return between
    marks = [mask.cast(pa.int8()) for mask in (before, behind) if mask is not None]
    which = marks[0] if len(marks) == 1 else pc.add(pc.add(marks[0], marks[0]), marks[1])
    texts = _edges(between, ends=before is not None, begins=behind is not None)
    return pc.take(texts, which, boundscheck=False)


@lru_cache(maxsize=64)
def _edges(between: bytes, *, ends: bool, begins: bool) -> pa.Array:
    end, begin = ([b"", b'"'] if either else [b""] for either in (ends, begins))
    texts = [left + between + right for left in end for right in begin]
    return pa.array(texts, pa.binary()).cast(pa.string())


def _fields(
    column: pa.Array, style: Style, *, alone: bool
) -> tuple[list[pa.Array], pa.Array | None]:
    """Write the fields of a column, and mark those that are still to be put in quotes."""
    if is_text(column.type) and not (alone or style.null):
        texts = text.plain_text(column)
        return _escaped(_defused(texts) if style.excel else texts, style)
    return _finished(column, style, alone=alone), None


def _escaped(column: pa.Array, style: Style) -> tuple[list[pa.Array], pa.Array | None]:
    """Double the quotes of a column, and mark the fields that hold what asks for quotes."""
    raw = bytes(text.data(column))
    mask = text.rows_with(column, raw, _needles(style))
    if b'"' in raw:
        column = text.changed(column, mask, _with_doubled_quotes)
    return [column], mask


def _finished(column: pa.Array, style: Style, *, alone: bool) -> list[pa.Array]:
    """Write whole fields; with a null text no part of a null is left empty."""
    if is_text(column.type):
        texts = text.plain_text(column)
        fields = [_quoted(_defused(texts) if style.excel else texts, style, alone=alone)]
    elif is_scalar(column.type):
        parts = cells(column).parts
        if not (alone or style.null or style.delimiter in _WITHOUT_TEXT):
            return parts
        fields = [_quoted(glue(parts, keep_nulls=True), style, alone=alone)]
    else:
        texts = glue(list(value_parts(column)))
        absent = pa.scalar(None, texts.type)
        texts = pc.if_else(column.is_valid(), texts, absent) if column.null_count else texts
        fields = [_quoted(texts, style, alone=alone)]
    if style.null and column.null_count:
        return [fields[0].fill_null(_null_text(style))]
    return fields


def _quoted(column: pa.Array, style: Style, *, alone: bool) -> pa.Array:
    """Quote each field that holds a delimiter, a quote or a line end; nulls stay null.

    A text that equals the null text is quoted too, which tells it from a null. `alone` in its
    line, an empty field is quoted: a blank line would be no row to a reader.
    """
    mask = text.rows_with(column, bytes(text.data(column)), _needles(style))
    if style.null:
        same = pc.equal(column, pa.scalar(style.null, column.type)).fill_null(False)
        mask = same if mask is None else pc.or_(mask, same)
    column = text.changed(column, mask, _in_quotes)
    if not alone:
        return column
    if not style.null:
        column = column.fill_null("")
    empty = pc.equal(column, pa.scalar("", column.type))
    return pc.if_else(empty, pa.scalar('""', column.type), column)


def _needles(style: Style) -> list[bytes]:
    return [b'"', style.delimiter.encode(), b"\n", b"\r"]


def _in_quotes(column: pa.Array) -> pa.Array:
    return glue([b'"', _with_doubled_quotes(column), b'"'], keep_nulls=True).cast(column.type)


def _with_doubled_quotes(column: pa.Array) -> pa.Array:
    return pc.replace_substring(column, '"', '""')


def _defused(column: pa.Array) -> pa.Array:
    begins = pc.utf8_slice_codeunits(column, 0, 1)
    mask = pc.is_in(begins, pa.array(_FORMULA_BEGINS, column.type))
    return text.changed(column, mask, lambda rows: glue([b"'", rows]).cast(rows.type))


def _null_text(style: Style) -> str:
    texts = _quoted(pa.array([style.null]), replace(style, null=""), alone=False)
    null: str = texts[0].as_py()
    return null


def _line_end(style: Style) -> bytes:
    return b"\r\n" if style.excel else b"\n"


_PIECES = Pieces(head=_head, body=_body)

FORMAT = Format(
    name="CSV",
    media_type="text/csv; charset=utf-8",
    extension="csv",
    nested=True,
    binary=False,
    encode=joined(_PIECES),
    pieces=_PIECES,
)
