"""Hint listener: one channel is listened to in the background, over a connection of its own."""

import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress

from penstock.ports import Heard
from penstock.signals.outage import Outage
from penstock.signals.redis_connection import FAULTS, RedisConnection, reason_of
from penstock.signals.timings import Timings
from penstock.signals.wire import hint_from

_PAUSE_SECONDS = 0.01
"""Between what was taken at once and the next: whoever floods a channel doesn't fill a processor.
The server drops who is far behind, and a new connection begins with a look."""


class HintListener:
    """Hears a channel from `begin` to `end`, in a thread that neither of them waits for."""

    def __init__(
        self,
        connect: Callable[[], RedisConnection],
        outage: Outage,
        *,
        channel: str,
        heard: Heard,
        pace: Timings,
    ) -> None:
        self._connect = connect
        self._outage = outage
        self._channel = channel
        self._heard = heard
        self._pace = pace
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._connection: RedisConnection | None = None

    def begin(self) -> None:
        """Start to listen."""
        # A machine that has no thread left hears no hints: all goes on without them.
        with suppress(RuntimeError):
            threading.Thread(target=self._run, name="hints-in", daemon=True).start()

    def end(self) -> None:
        """Listen no more; ending twice changes nothing."""
        with self._lock:
            self._ended.set()
            if self._connection is not None:
                self._connection.interrupt()

    def _run(self) -> None:
        waits = self._pace.waits()
        while not self._ended.is_set():
            began = time.monotonic()
            try:
                with closing(self._connect()) as connection:
                    self._listen(connection)
            except FAULTS as error:
                if not self._ended.is_set():
                    self._outage.began(reason_of(error))
            if time.monotonic() - began >= self._pace.steady_seconds:
                waits = self._pace.waits()
            self._ended.wait(next(waits))

    def _listen(self, connection: RedisConnection) -> None:
        connection.subscribe(self._channel)
        with self._lock:
            self._connection = connection
        try:
            self._outage.over()
            # What was told before this connection is not told again.
            self._heard(None)
            while not self._ended.is_set():
                for body in dict.fromkeys(self._next(connection)):
                    hint = hint_from(body)
                    if hint is not None:
                        self._heard(hint)
                self._ended.wait(_PAUSE_SECONDS)
        finally:
            with self._lock:
                self._connection = None

    def _next(self, connection: RedisConnection) -> list[bytes]:
        """Wait for messages; a server that says nothing for long is asked whether it is there."""
        bodies = connection.messages(self._pace.ping_seconds)
        if bodies is None:
            connection.ping()
            bodies = connection.messages(self._pace.answer_seconds)
        if bodies is None:
            raise TimeoutError
        return bodies
