"""Outages: that hints don't come through is said once, and not again until they did."""

import threading
import time
from collections.abc import Callable

_SILENT_SECONDS = 60.0
"""A way that comes and goes is told of no more often than this."""


class Outage:
    """Whether hints come through just now; thread-safe.

    `report` takes one line, in which no part of an address stands that could be secret.
    """

    def __init__(self, report: Callable[[str], None], *, doing: str) -> None:
        self._report = report
        self._doing = doing
        self._lock = threading.Lock()
        self._is_out = False
        self._said_at: float | None = None

    def began(self, reason: str) -> None:
        """Take note of a failure; tells of the first one."""
        now = time.monotonic()
        with self._lock:
            if self._is_out:
                return
            self._is_out = True
            if self._said_at is not None and now - self._said_at < _SILENT_SECONDS:
                return
            self._said_at = now
        self._report(f"{self._doing} fails ({reason}); jobs go on, and are looked for instead.")

    def over(self) -> None:
        """Take note that hints come through."""
        with self._lock:
            self._is_out = False
