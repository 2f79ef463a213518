"""Rows as JSON objects (RFC 8259), one a line."""

import pyarrow as pa

from penstock.formats.rows.cells import plain
from penstock.formats.rows.file import cut
from penstock.formats.rows.values import string, value_parts
from penstock.formats.rows.weave import RowPiece, portions, weave
from penstock.model.format import Style


def objects(
    batch: pa.RecordBatch, style: Style, *, row_end: bytes, keep_last: bool = True
) -> list[bytes]:
    """Write each row as an object with all its columns, and `row_end` behind it.

    Without `keep_last` the last row goes without. See `value_parts` for the values.
    """
    texts = (_rows(portion, style, row_end) for portion in portions(batch, plain=plain))
    return cut(texts, drop_last=0 if keep_last else len(row_end))


def _rows(batch: pa.RecordBatch, style: Style, row_end: bytes) -> memoryview:
    parts: list[RowPiece] = [b"{"]
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        parts.append((b"," if len(parts) > 1 else b"") + string(name) + b":")
        parts += value_parts(column, int64_as_text=style.int64_as_text)
    return weave([*parts, b"}" + row_end], rows=batch.num_rows)
