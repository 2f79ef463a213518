"""Coding: which content codings are asked for, and coded bytes back into plain ones."""

from collections.abc import Iterable, Iterator
from typing import Literal

import pyarrow as pa

from penstock.client.transfer.answers import Coding
from penstock.errors import TransferError

WantedCoding = Literal["auto", "zstd", "gzip", "identity"]

PIECE_BYTES = 1 << 16


def accept_encoding(wanted: WantedCoding) -> str:
    """Say what to ask for; `auto` prefers zstd: a slow line costs more than decoding does.

    The server leaves out a coding that gains nothing (Parquet), so one rule fits every format.
    """
    return "zstd, gzip;q=0.5" if wanted == "auto" else wanted


def decoded(pieces: Iterable[bytes], coding: Coding) -> Iterator[bytes]:
    """Decode pieces of one coded body, in order, whatever their sizes are.

    Lazy: holds one piece and one decoded piece of at most 64 KiB. Several frames or members in a
    row are one body. An error of `pieces` comes through as it is.

    Raises TransferError if the body is damaged or ends within a frame.
    """
    if coding == "identity":
        yield from pieces
        return
    source = pa.PythonFile(PiecesFile(pieces), mode="r")
    stream = pa.CompressedInputStream(source, coding)
    while True:
        try:
            piece: bytes = stream.read(PIECE_BYTES)
        except (OSError, pa.ArrowException) as error:
            # An error of the system itself (a disk, a pipe) has a number; a decoder's has none.
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise TransferError(f"What arrived can't be decoded as {coding}: {error}") from error
        if not piece:
            return
        yield piece


class PiecesFile:
    """Pieces as the file that a decoder wants to read from.

    `read` gives what has arrived, without waiting for more; `in_full` waits for all that was asked.
    """

    closed = False

    def __init__(self, pieces: Iterable[bytes], *, in_full: bool = False) -> None:
        self._pieces = iter(pieces)
        self._in_full = in_full
        self._rest = b""

    def readable(self) -> bool:
        """Say yes."""
        return True

    def writable(self) -> bool:
        """Say no."""
        return False

    def seekable(self) -> bool:
        """Say no."""
        return False

    def read(self, size: int = PIECE_BYTES) -> bytes:
        """Give at most `size` bytes; none at the end."""
        given = self._some(size)
        if self._in_full and len(given) < size:
            joined = bytearray(given)
            while given and len(joined) < size:
                given = self._some(size - len(joined))
                joined += given
            return bytes(joined)
        return given

    def close(self) -> None:
        """Be closed; the pieces belong to whoever made them."""
        self.closed = True

    def _some(self, size: int) -> bytes:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = piece
        given, self._rest = self._rest[:size], self._rest[size:]
        return given
