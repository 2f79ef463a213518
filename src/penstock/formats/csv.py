"""CSV (RFC 4180, but for LF as the default line end): fields are quoted only where they must be."""

from dataclasses import replace
from functools import partial
from string import ascii_letters, digits

import pyarrow as pa
import pyarrow.compute as pc

from penstock.formats.rows import text
from penstock.formats.rows.cells import cells, is_scalar, is_text, plain
from penstock.formats.rows.file import check, cut, joined
from penstock.formats.rows.values import value_parts
from penstock.formats.rows.weave import Part, glue, portions, weave
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
    parts: list[Part] = []
    for column in batch.columns:
        parts += _fields(column, style, alone=batch.num_columns == 1)
        parts.append(style.delimiter.encode())
    return weave([*parts[:-1], _line_end(style)], rows=batch.num_rows)


def _fields(column: pa.Array, style: Style, *, alone: bool) -> list[pa.Array]:
    """Write the fields of a column; with a null text no part of a null is left empty."""
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
    needles = [b'"', style.delimiter.encode(), b"\n", b"\r"]
    raw = bytes(text.data(column))
    mask = text.rows_with(column, raw, needles)
    if style.null:
        same = pc.equal(column, pa.scalar(style.null, column.type)).fill_null(False)
        mask = same if mask is None else pc.or_(mask, same)
    column = text.changed(column, mask, partial(_in_quotes, holds_quotes=b'"' in raw))
    if not alone:
        return column
    if not style.null:
        column = column.fill_null("")
    empty = pc.equal(column, pa.scalar("", column.type))
    return pc.if_else(empty, pa.scalar('""', column.type), column)


def _in_quotes(column: pa.Array, *, holds_quotes: bool) -> pa.Array:
    doubled = pc.replace_substring(column, '"', '""') if holds_quotes else column
    return glue([b'"', doubled, b'"'], keep_nulls=True).cast(column.type)


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
