"""The pipe between a scan's thread and a client's connection, wide enough for one and no wider."""

import asyncio
import os
import tempfile
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from penstock.errors import ScanCancelledError

_HELD_BYTES = 2_097_152
_PATIENCE_SECONDS = 0.03
_LOOK_SECONDS = 0.1
_SLOW_CHUNK_BYTES = 65_536
"""Of many slow readers each one holds a chunk; a quick one costs less with larger ones."""


class Pipe:
    """Bytes from one producing thread to one consuming task, in order.

    A quick reader is fed from memory: at most 2 MiB and one piece. For a slow one the rest of the
    producer's window is put in an unlinked temporary file, at most `spool_bytes` of it, and the
    producer asks `is_slow` to end its query and `wait` for the reader: a slow reader then costs one
    chunk of memory, some disk, and no running query.
    """

    def __init__(self, *, spool_dir: Path, spool_bytes: int, chunk_bytes: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._spool_dir = spool_dir
        self._spool_bytes = spool_bytes
        self._chunk_bytes = chunk_bytes
        self._slow_chunk_bytes = min(chunk_bytes, _SLOW_CHUNK_BYTES)
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._spool: int | None = None
        self._written = self._read = 0
        self._ended = False
        self._error: BaseException | None = None
        self._left = False
        self._changed = threading.Condition()

    # The producer's side, in its thread.

    def put(self, piece: bytes) -> None:
        """Hand a piece over; waits a moment for a slow reader, then goes on into the spool.

        Raises ScanCancelledError if the reader has left.
        """
        if not piece:
            return None
        with self._changed:
            self._refuse()
            if self._spool is None:
                # In chunks, so that a reader that falls behind holds one of them and not the piece.
                for start in range(0, len(piece), self._chunk_bytes):
                    self._pieces.append(piece[start : start + self._chunk_bytes])
                self._held += len(piece)
                del piece
                self._tell()
                if self._held <= _HELD_BYTES or self._changed.wait_for(
                    lambda: self._left or self._held <= _HELD_BYTES, _PATIENCE_SECONDS
                ):
                    return self._refuse()
                self._begin_spool()
            else:
                self._write(piece)
                self._tell()
            while not self._left and self._written - self._read > self._spool_bytes:
                self._changed.wait(_LOOK_SECONDS)
            self._refuse()
        return None

    def is_slow(self) -> bool:
        """Whether the reader is behind, so that its bytes wait on disk."""
        return self._spool is not None

    def wait(self) -> None:
        """Return once the reader has had everything; what it doesn't take soon waits on disk.

        Raises ScanCancelledError if it has left.
        """
        with self._changed:
            if self._spool is None and not self._changed.wait_for(
                lambda: self._left or not self._held, _PATIENCE_SECONDS
            ):
                self._begin_spool()
            while not self._left and (self._held or self._read < self._written):
                self._changed.wait(_LOOK_SECONDS)
            self._refuse()
            self._end_spool()

    def end(self, error: BaseException | None = None) -> None:
        """Say that no further piece comes, because of `error` or because all are there."""
        with self._changed:
            self._ended = True
            self._error = None if self._left else error
            self._tell()

    # The consumer's side, in the event loop.

    async def ready(self) -> None:
        """Return once there is a byte to take, or the end.

        Raises the producer's error once every byte before it is taken.
        """
        while True:
            with self._changed:
                self._arrived.clear()
                waiting = self._held > 0 or self._read < self._written
                if not waiting and self._error is not None:
                    raise self._error
                if waiting or self._ended or self._left:
                    return
            await self._arrived.wait()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield everything in chunks of at most `chunk_bytes`; raises the producer's error last."""
        while True:
            await self.ready()
            piece = self._take()
            if not piece:
                return
            yield piece
            del piece

    @property
    def has_left(self) -> bool:
        """Whether the reader is gone."""
        return self._left

    def leave(self) -> None:
        """Say that the reader is gone: whatever waits is dropped, and the producer is told."""
        with self._changed:
            self._left = True
            # Its traceback holds those who use this pipe, and through them what they have open.
            self._error = None
            self._pieces.clear()
            self._held = 0
            self._end_spool()
            self._changed.notify_all()
        self._arrived.set()

    # Under the lock.

    def _take(self) -> bytes:
        with self._changed:
            piece = b""
            if self._pieces:
                piece = self._pieces.popleft()
                self._held -= len(piece)
            elif self._spool is not None:
                piece = os.pread(self._spool, self._slow_chunk_bytes, self._read)
                self._read += len(piece)
            self._changed.notify_all()
            return piece

    def _begin_spool(self) -> None:
        with tempfile.TemporaryFile(dir=self._spool_dir, buffering=0) as file:
            # Nothing is taken out of memory yet: where the disk is full, the reader still gets
            # every byte in order, and then the error.
            written = 0
            for piece in self._pieces:
                for done in _written(file.fileno(), piece, written):
                    written += done
            self._spool = os.dup(file.fileno())
        self._written, self._read = written, 0
        self._pieces.clear()
        self._held = 0

    def _write(self, piece: bytes) -> None:
        if self._spool is not None:
            for done in _written(self._spool, piece, self._written):
                self._written += done

    def _end_spool(self) -> None:
        if self._spool is not None:
            os.close(self._spool)
            self._spool = None
            self._written = self._read = 0

    def _refuse(self) -> None:
        if self._left:
            raise ScanCancelledError

    def _tell(self) -> None:
        # Where the reader has left, its loop may be closed by now.
        if not self._left:
            self._loop.call_soon_threadsafe(self._arrived.set)


def _written(descriptor: int, piece: bytes, place: int) -> Iterator[int]:
    """Write all of a piece at a place; yields the size of each part that is written."""
    rest = memoryview(piece)
    while rest:
        done = os.pwrite(descriptor, rest, place)
        rest = rest[done:]
        place += done
        yield done
