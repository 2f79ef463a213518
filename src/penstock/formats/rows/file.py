"""A text file of rows: pieces that stand for themselves, joined in order."""

from collections.abc import Iterable, Iterator

import pyarrow as pa

from penstock.errors import UnrepresentableError
from penstock.formats.rows.values import is_writable
from penstock.model.format import Encode, Pieces, Style

_PIECE_BYTES = 1 << 17


def joined(pieces: Pieces) -> Encode:
    """Make the encoder that writes these pieces, one batch held at a time."""

    def encode(
        batches: Iterable[pa.RecordBatch], schema: pa.Schema, style: Style
    ) -> Iterator[bytes]:
        return pieces.file(schema, style, (pieces.body(batch, style) for batch in batches))

    return encode


def cut(texts: Iterable[memoryview], *, drop_last: int = 0) -> list[bytes]:
    """Cut the texts of a batch's portions into pieces, but for the last bytes of them all.

    Holds one text besides the pieces.
    """
    pieces: list[bytes] = []
    for text in texts:
        pieces += (
            bytes(text[start : start + _PIECE_BYTES]) for start in range(0, len(text), _PIECE_BYTES)
        )
    while drop_last and pieces:
        last = pieces.pop()
        if len(last) > drop_last:
            pieces.append(last[:-drop_last])
        drop_last -= min(len(last), drop_last)
    return pieces


def check(schema: pa.Schema, *, format_name: str) -> None:
    """Raise UnrepresentableError for the first column whose type can't be written as text."""
    for field in schema:
        if not is_writable(field.type):
            raise UnrepresentableError(
                column=field.name, column_type=str(field.type), format_name=format_name
            )
