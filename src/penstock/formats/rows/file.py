"""A text file of rows: pieces that stand for themselves, joined in order."""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from penstock.errors import UnrepresentableError
from penstock.formats.rows.values import is_writable
from penstock.model.format import Encode, Pieces, Style


def joined(pieces: Pieces) -> Encode:
    """Make the encoder that writes these pieces, one batch held at a time.

    Its first step pulls the first batch and writes it before anything is yielded, so that a
    failure there is known before the first byte.
    """

    def encode(
        batches: Iterable[pa.RecordBatch], schema: pa.Schema, style: Style
    ) -> Iterator[bytes]:
        before = pieces.head(schema, style)
        begun = False
        for batch in batches:
            body = pieces.body(batch, style)
            if begun and body:
                before += pieces.separator
            # Neither is held while the next batch is waited for: a reader may be slow.
            del batch
            begun = begun or bool(body)
            if before:
                yield before
            yield body
            del body
            before = b""
        if before + pieces.tail:
            yield before + pieces.tail

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
