"""A small bounded pool of connections, each looked at before it is used again."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from penstock.errors import RecoverableError

Connection = TypeVar("Connection")


class Pool(Generic[Connection]):
    """At most `most` connections at once, opened when needed, in the asking thread.

    One that was idle for `idle_seconds` is closed in place of being used again, one that was for
    `trusted_seconds` is looked at before. Nothing runs in the background. Safe between threads.
    """

    def __init__(
        self,
        *,
        connect: Callable[[], Connection],
        is_alive: Callable[[Connection], bool],
        close: Callable[[Connection], None],
        most: int,
        wait_seconds: float,
        idle_seconds: float = 60,
        trusted_seconds: float = 1,
    ) -> None:
        self._connect = connect
        self._is_alive = is_alive
        self._close = close
        self._free = threading.BoundedSemaphore(most)
        self._wait_seconds = wait_seconds
        self._idle_seconds = idle_seconds
        self._trusted_seconds = trusted_seconds
        self._lock = threading.Lock()
        self._idle: list[tuple[float, Connection]] = []
        self._closed = False

    @contextmanager
    def lend(self) -> Iterator[Connection]:
        """Lend a connection for the body; it is closed if the body raises. Raises as `take`."""
        connection = self.take()
        try:
            yield connection
        except BaseException:
            self.drop(connection)
            raise
        self.give_back(connection)

    def take(self) -> Connection:
        """Take a connection that works, to be given back or dropped.

        Raises RecoverableError if none becomes free in time, or the database can't be reached.
        """
        if not self._free.acquire(timeout=self._wait_seconds):
            raise RecoverableError("All connections to the tenant's database are in use.")
        try:
            return self._working()
        except BaseException:
            self._free.release()
            raise

    def give_back(self, connection: Connection) -> None:
        """Take a connection back, outside any transaction."""
        with self._lock:
            keep = not self._closed
            if keep:
                self._idle.append((time.monotonic(), connection))
        if not keep:
            self._close(connection)
        self._free.release()

    def drop(self, connection: Connection, *, close: bool = True) -> None:
        """End a connection; one that another thread may still be in is left to it unclosed."""
        self._free.release()
        if close:
            self._close(connection)

    def close(self) -> None:
        """Close what is idle, and from now on what is given back. May be called twice."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for _, connection in idle:
            self._close(connection)

    def _working(self) -> Connection:
        while True:
            with self._lock:
                last = self._idle.pop() if self._idle else None
            if last is None:
                return self._connect()
            since, connection = last
            rested = time.monotonic() - since
            if rested < self._trusted_seconds or (
                rested < self._idle_seconds and self._is_alive(connection)
            ):
                return connection
            self._close(connection)
