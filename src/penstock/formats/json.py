"""JSON (RFC 8259): one array of objects, one a line."""

import pyarrow as pa

from penstock.formats.rows.file import check, joined
from penstock.formats.rows.objects import objects
from penstock.model.format import Format, Pieces, Style

_BETWEEN = b",\n"


def _head(schema: pa.Schema, _style: Style) -> bytes:
    check(schema, format_name="JSON")
    return b"["


def _body(batch: pa.RecordBatch, style: Style) -> list[bytes]:
    return objects(batch, style, row_end=_BETWEEN, keep_last=False)


_PIECES = Pieces(head=_head, body=_body, separator=_BETWEEN, tail=b"]\n")

FORMAT = Format(
    name="JSON",
    media_type="application/json",
    extension="json",
    nested=True,
    binary=False,
    encode=joined(_PIECES),
    pieces=_PIECES,
)
