"""A file that is written by a library and taken away piece by piece."""

from collections.abc import Iterator


class Sink:
    """Holds what was written until it is drained; for writers that never seek."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Keep a copy: the writer may use its buffer again."""
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: what is written can be drained at once."""

    def close(self) -> None:
        """Do nothing: the end of the file is drained after it is closed."""

    def drain(self) -> bytes:
        """Give what was written since the last time."""
        drained = b"".join(self._pieces)
        self._pieces.clear()
        return drained

    def pour(self) -> Iterator[bytes]:
        """Yield what was written since the last time, each piece no longer held once it is out."""
        self._pieces.reverse()
        while self._pieces:
            yield self._pieces.pop()
