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


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """A file whose batches can be written apart, in any order and by several threads at once.

    The file is `head`, the bodies that aren't empty with `separator` between them, and `tail`.
    """

    head: Callable[[pa.Schema, Style], bytes]
    """Raises UnrepresentableError if the format can't hold a column's type."""
    body: Callable[[pa.RecordBatch, Style], bytes]
    """Depends on the batch and the style alone, and holds nothing of a batch afterwards."""
    separator: bytes = b""
    tail: bytes = b""


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
    """Set where `encode` does no more than to join these."""
    encoding_version: int = 1
    """Part of every ETag: raise it when the same rows give other bytes."""
