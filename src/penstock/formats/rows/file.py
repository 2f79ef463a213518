"""A text file of rows: pieces that stand for themselves, joined in order."""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from penstock.errors import UnrepresentableError
from penstock.formats.rows.values import is_writable
from penstock.model.format import Encode, Pieces, Style


def joined(pieces: Pieces) -> Encode:
    """Make the encoder that writes these pieces, one batch held at a time."""

    def encode(
        batches: Iterable[pa.RecordBatch], schema: pa.Schema, style: Style
    ) -> Iterator[bytes]:
        return pieces.file(schema, style, (pieces.body(batch, style) for batch in batches))

    return encode


def joined_bytes(texts: Sequence[memoryview], *, drop_last: int = 0) -> bytes:
    """Join the texts of a batch's portions, but for the last bytes of the last one."""
    if drop_last and texts:
        texts = [*texts[:-1], texts[-1][:-drop_last]]
    return b"".join(texts)


def check(schema: pa.Schema, *, format_name: str) -> None:
    """Raise UnrepresentableError for the first column whose type can't be written as text."""
    for field in schema:
        if not is_writable(field.type):
            raise UnrepresentableError(
                column=field.name, column_type=str(field.type), format_name=format_name
            )
