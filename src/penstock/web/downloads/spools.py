"""Spools: results built in temporary files, for answers that need a length before they begin."""

import os
import tempfile
import threading
import weakref
from collections import OrderedDict
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from penstock.web.downloads.receipts import WholeRepresentation

_PIECE_BYTES = 65_536


@dataclass(slots=True, weakref_slot=True)
class Spool:
    """A whole representation in an unlinked file, closed when nobody holds this any more."""

    descriptor: int
    size_bytes: int
    whole: WholeRepresentation | None = None

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes `start` to before `stop`, in pieces of 64 KiB; from any thread."""
        while start < stop:
            piece = os.pread(self.descriptor, min(_PIECE_BYTES, stop - start), start)
            if not piece:
                raise OSError("a spool ended before its length")
            start += len(piece)
            yield piece


@dataclass(frozen=True, slots=True)
class Overflow:
    """A result that is larger than a spool: all its pieces, from the first one on."""

    pieces: Generator[bytes]


class Spools:
    """Builds spools, and keeps the last ones by entity tag: a client asks for several ranges."""

    def __init__(self, *, folder: Path, most_bytes: int, kept_bytes: int) -> None:
        self.folder = folder
        self._most_bytes = most_bytes
        self._kept_bytes = kept_bytes
        self._kept: OrderedDict[tuple[str, str], Spool] = OrderedDict()
        self._lock = threading.Lock()

    def is_too_small_for(self, size_bytes: int) -> bool:
        """Whether a result of this size would overflow."""
        return size_bytes > self._most_bytes

    def find(self, tenant: str, etag: str) -> Spool | None:
        """Give the kept spool of an entity tag."""
        with self._lock:
            spool = self._kept.get((tenant, etag))
            if spool is not None:
                self._kept.move_to_end((tenant, etag))
            return spool

    def keep(self, tenant: str, etag: str, spool: Spool) -> None:
        """Keep a spool until newer ones need its room; readers that hold it are not disturbed."""
        with self._lock:
            self._kept[(tenant, etag)] = spool
            while sum(kept.size_bytes for kept in self._kept.values()) > self._kept_bytes:
                self._kept.popitem(last=False)

    def build(self, pieces: Generator[bytes], *, unbounded: bool = False) -> Spool | Overflow:
        """Write pieces into a spool, or stop where they grow beyond its bound.

        Holds one piece. Raises what `pieces` raises, and OSError if the disk is full; `pieces` is
        closed then.
        """
        with tempfile.TemporaryFile(dir=self.folder) as file:
            spool = Spool(descriptor=os.dup(file.fileno()), size_bytes=0)
            weakref.finalize(spool, os.close, spool.descriptor)
            try:
                for piece in pieces:
                    file.write(piece)
                    spool.size_bytes += len(piece)
                    if spool.size_bytes > self._most_bytes and not unbounded:
                        file.flush()
                        return Overflow(_continued(spool, pieces))
            except BaseException:
                # An error is held for longer than the query behind the pieces should be.
                pieces.close()
                raise
        return spool

    def close(self) -> None:
        """Drop every kept spool."""
        with self._lock:
            self._kept.clear()


def _continued(spool: Spool, pieces: Generator[bytes]) -> Generator[bytes]:
    with closing(pieces):
        yield from spool.read(0, spool.size_bytes)
        yield from pieces
