"""Hint sender: hints go out in the background, over one connection, the same one once."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress

from penstock.signals.outage import Outage
from penstock.signals.redis_connection import FAULTS, RedisConnection, reason_of
from penstock.signals.timings import Timings

_MOST_WAITING = 1000
"""At some 100 bytes each; of more, the oldest are left out: they are but hints."""
_END_SECONDS = 0.5


class HintSender:
    """Hints on their way to a Redis, from a thread of their own that begins with the first one.

    A hint that waits already isn't added again. What waits while the server can't be reached goes
    out when it can.

    `wait_seconds` is how long who tells waits for the hint to have gone out, as long as they do: on
    a machine that is frozen once it has answered, nothing goes on in the background.
    """

    def __init__(
        self,
        connect: Callable[[], RedisConnection],
        outage: Outage,
        *,
        pace: Timings,
        wait_seconds: float,
    ) -> None:
        self._connect = connect
        self._outage = outage
        self._pace = pace
        self._wait_seconds = wait_seconds
        self._waiting: OrderedDict[tuple[str, bytes], None] = OrderedDict()
        self._changed = threading.Condition()
        self._told = 0
        self._sent = 0
        self._is_failing = False
        self._is_ending = False
        self._thread: threading.Thread | None = None
        self._kept: RedisConnection | None = None
        self._used_at = 0.0

    def tell(self, channel: str, body: bytes) -> None:
        """Have a hint go out; returns at once, or when it has gone out (`wait_seconds`)."""
        with self._changed:
            if self._is_ending:
                return
            self._waiting[channel, body] = None
            if len(self._waiting) > _MOST_WAITING:
                self._waiting.popitem(last=False)
            self._told += 1
            own = self._told
            if self._thread is None:
                self._begin()
            self._changed.notify_all()
            if self._wait_seconds:
                self._changed.wait_for(
                    lambda: self._sent >= own or self._is_failing, self._wait_seconds
                )

    def close(self) -> None:
        """Send what waits, if that goes at once, and end; ending twice changes nothing."""
        with self._changed:
            self._is_ending = True
            thread = self._thread
            self._changed.notify_all()
        if thread is not None:
            thread.join(_END_SECONDS)

    def _begin(self) -> None:
        thread = threading.Thread(target=self._run, name="hints-out", daemon=True)
        # A machine that has no thread left has no hints: all goes on without them.
        with suppress(RuntimeError):
            thread.start()
            self._thread = thread

    def _run(self) -> None:
        waits = self._pace.waits()
        while (batch := self._next()) is not None:
            told, hints = batch
            try:
                self._send(hints)
            except FAULTS as error:
                self._outage.began(reason_of(error))
                self._put_back(hints)
                with self._changed:
                    self._changed.wait_for(lambda: self._is_ending, next(waits))
            else:
                self._outage.over()
                waits = self._pace.waits()
                with self._changed:
                    self._sent, self._is_failing = told, False
                    self._changed.notify_all()
        if self._kept is not None:
            self._kept.close()

    def _next(self) -> tuple[int, list[tuple[str, bytes]]] | None:
        """Wait for hints, and take all of them; None once there is an end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_ending)
            if self._is_ending and (self._is_failing or not self._waiting):
                return None
            hints = list(self._waiting)
            self._waiting.clear()
            return self._told, hints

    def _put_back(self, hints: list[tuple[str, bytes]]) -> None:
        with self._changed:
            self._is_failing = True
            for hint in reversed(hints):
                if len(self._waiting) < _MOST_WAITING:
                    self._waiting[hint] = None
                    self._waiting.move_to_end(hint, last=False)
            self._changed.notify_all()

    def _send(self, hints: list[tuple[str, bytes]]) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            # Its server may have ended since, and another one begun: that is no outage yet.
            with suppress(*FAULTS):
                if time.monotonic() - self._used_at < self._pace.idle_seconds:
                    self._send_by(kept, hints)
                    return
            kept.close()
        fresh = self._connect()
        try:
            self._send_by(fresh, hints)
        except BaseException:
            fresh.close()
            raise

    def _send_by(self, connection: RedisConnection, hints: list[tuple[str, bytes]]) -> None:
        connection.publish(hints)
        self._kept, self._used_at = connection, time.monotonic()
