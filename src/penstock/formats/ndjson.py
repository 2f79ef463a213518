"""NDJSON: one JSON object a line, each line ended by a line feed."""

import pyarrow as pa

from penstock.formats.rows.cells import plain
from penstock.formats.rows.file import check, cut, joined
from penstock.formats.rows.lines import is_quick, lines
from penstock.formats.rows.objects import objects
from penstock.formats.rows.weave import portions
from penstock.model.format import Format, Pieces, Style


def _head(schema: pa.Schema, _style: Style) -> bytes:
    check(schema, format_name="NDJSON")
    return b""


def _body(batch: pa.RecordBatch, style: Style) -> list[bytes]:
    if not is_quick(batch.schema):
        return objects(batch, style, row_end=b"\n")
    as_text = style.int64_as_text
    return cut(lines(portion, int64_as_text=as_text) for portion in portions(batch, plain=plain))


_PIECES = Pieces(head=_head, body=_body)

FORMAT = Format(
    name="NDJSON",
    media_type="application/x-ndjson",
    extension="ndjson",
    nested=True,
    binary=False,
    encode=joined(_PIECES),
    pieces=_PIECES,
)
