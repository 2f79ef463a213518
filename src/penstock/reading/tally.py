"""Tally: counts the rows and bytes of a stream, and digests it."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """What has gone by: rows, and bytes with their SHA-256."""

    rows: int = 0
    size_bytes: int = 0
    sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def counted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Pass pieces on and count them."""
        for piece in pieces:
            self.size_bytes += len(piece)
            self.sha256.update(piece)
            yield piece
            del piece
