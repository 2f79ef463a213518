"""Scan slots: how many queries run at once, and who comes next."""

import heapq
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from penstock.errors import ScanCancelledError, ScanQueueFullError
from penstock.reading.engine import Allowance

_LOOK_SECONDS = 0.1
_STEP_BACK_SECONDS = 2.0


class ScanSlots:
    """Bounds running queries, not connections; thread-safe.

    New requests step in front of those that have begun and go on with a further window, by as much
    as two seconds of waiting: many slow readers don't delay a new one, and none of them starves. At
    most `queue` new requests wait, each for at most `wait_seconds`.
    """

    def __init__(self, *, slots: int, queue: int, wait_seconds: float) -> None:
        self._free = slots
        self._queue = queue
        self._wait_seconds = wait_seconds
        self._waiting: list[tuple[float, int]] = []
        self._new = 0
        self._tickets = 0
        self._changed = threading.Condition()

    @property
    def are_wanted(self) -> bool:
        """Whether somebody waits who may run before a scan that goes on."""
        return self._new > 0

    @contextmanager
    def slot(self, allowance: Allowance, *, going_on: bool = False) -> Iterator[None]:
        """Hold one slot for the body.

        Raises ScanQueueFullError if too many wait already or none became free in time (never when
        `going_on`: an answer that has begun waits for as long as it takes), and ScanCancelledError.
        """
        self._take(allowance, going_on=going_on)
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()

    def _take(self, allowance: Allowance, *, going_on: bool) -> None:
        asked = time.monotonic()
        with self._changed:
            if not going_on and self._free == 0 and self._new >= self._queue:
                raise ScanQueueFullError(retry_after_seconds=self._retry_after())
            self._tickets += 1
            mine = (asked + (_STEP_BACK_SECONDS if going_on else 0.0), self._tickets)
            heapq.heappush(self._waiting, mine)
            self._new += not going_on
            try:
                while not (self._free > 0 and self._waiting[0] == mine):
                    # Woken by each free slot; looks up now and then for a client that left.
                    self._changed.wait(_LOOK_SECONDS)
                    if allowance.cancelled:
                        raise ScanCancelledError
                    if not going_on and time.monotonic() > asked + self._wait_seconds:
                        raise ScanQueueFullError(retry_after_seconds=self._retry_after())
                self._free -= 1
            finally:
                self._new -= not going_on
                self._waiting.remove(mine)
                heapq.heapify(self._waiting)
                self._changed.notify_all()

    def _retry_after(self) -> int:
        return max(1, round(self._wait_seconds / 2))
