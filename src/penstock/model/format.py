"""A format: how record batches become the bytes of a file."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """The dialect of an answer; a format takes from it what concerns it."""

    delimiter: str = ","
    header: bool = True
    bom: bool = False
    null: str = ""
    excel: bool = False
    int64_as_text: bool = False


class Encode(Protocol):
    """Record batches in, bytes out."""

    def __call__(
        self, batches: Iterable[pa.RecordBatch], schema: pa.Schema, style: Style
    ) -> Iterator[bytes]:
        """Encode batches of `schema`, in order, into the pieces of one file.

        Lazy: pulls one batch at a time and yields at least once for each batch, so that whoever
        pulls decides the pace. The pieces joined are one whole file, also for no batches at all.
        """
        ...


class Body(Protocol):
    """One batch in, its bytes out, in pieces of a size that suits a socket."""

    def __call__(self, batch: pa.RecordBatch, style: Style) -> list[bytes]:
        """Write a batch's rows; no piece is empty."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """A file whose batches can be written apart, in any order and by several threads at once.

    The file is `head`, the bodies that have pieces with `separator` between them, and `tail`.
    """

    head: Callable[[pa.Schema, Style], bytes]
    """Raises UnrepresentableError if the format can't hold a column's type."""
    body: Body
    """Depends on the batch and the style alone, and holds nothing of a batch afterwards."""
    separator: bytes = b""
    tail: bytes = b""

    def file(
        self, schema: pa.Schema, style: Style, bodies: Iterable[list[bytes]]
    ) -> Iterator[bytes]:
        """Give the pieces of a file, at least one for each of `bodies`, which are in order.

        Its first step pulls the first body before anything is yielded, so that a failure there is
        known before the first byte. Holds what is left of one body.
        """
        before = self.head(schema, style)
        begun = False
        for body in bodies:
            if begun and body:
                before += self.separator
            begun = begun or bool(body)
            if before or not body:
                yield before
            # No piece is held here that has been passed on: a reader may be slow.
            body.reverse()
            while body:
                yield body.pop()
            before = b""
        if before + self.tail:
            yield before + self.tail


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way to write a table, known by its extension.

    `nested` and `binary` say whether such columns arrive as they are; otherwise the reader turns
    nested values into JSON text and binary into base16 before they are encoded. `text` formats get
    every other type as stored, too.
    """

    name: str
    media_type: str
    extension: str
    nested: bool
    binary: bool
    encode: Encode
    compressible: bool = True
    """Whether content coding gains anything."""
    pieces: Pieces | None = None
    """Set where `encode` makes a file of these, one batch after the other."""
    encoding_version: int = 1
    """Part of every ETag: raise it when the same rows give other bytes."""
