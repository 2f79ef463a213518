"""TTL cache: what was looked up, remembered for a while."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Generic, TypeVar

Value = TypeVar("Value")


class TtlCache(Generic[Value]):
    """Values of look-ups by key, each used for `seconds`; at most `most`, the least used go first.

    Thread-safe: one look-up at a time for one key, whose outcome, also an error, is that of all who
    want it meanwhile. Nothing is remembered of a look-up that raised. A clock that is set back ends
    what was remembered.
    """

    def __init__(self, *, seconds: float, most: int, now: Callable[[], datetime]) -> None:
        self._lasting = timedelta(seconds=seconds)
        self._most = most
        self._now = now
        self._lock = threading.Lock()
        self._values: OrderedDict[str, tuple[datetime, Value]] = OrderedDict()
        self._running: dict[str, Future[Value]] = {}

    def get(self, key: str, look_up: Callable[[], Value]) -> Value:
        """Give the remembered value of a key, else look it up. Raises what the look-up raises."""
        with self._lock:
            known = self._values.get(key)
            if known is not None:
                began, value = known
                if timedelta(0) <= self._now() - began < self._lasting:
                    self._values.move_to_end(key)
                    return value
                del self._values[key]
            running = self._running.get(key)
            if running is None:
                mine: Future[Value] = Future()
                self._running[key] = mine
        if running is not None:
            return running.result()
        return self._looked_up(key, look_up, mine)

    def forget(self, key: str) -> None:
        """Look this key up again when it is wanted next."""
        with self._lock:
            self._values.pop(key, None)
            # Whoever asks from now on must not get what a look-up saw before.
            self._running.pop(key, None)

    def __len__(self) -> int:
        return len(self._values)

    def _looked_up(self, key: str, look_up: Callable[[], Value], mine: Future[Value]) -> Value:
        # The time before the look-up: what it saw may have changed since then.
        began = self._now()
        try:
            value = look_up()
        except BaseException as error:
            self._end(key, mine)
            mine.set_exception(error)
            raise
        with self._lock:
            if self._running.get(key) is mine:
                del self._running[key]
                self._values[key] = (began, value)
                if len(self._values) > self._most:
                    self._values.popitem(last=False)
        mine.set_result(value)
        return value

    def _end(self, key: str, mine: Future[Value]) -> None:
        with self._lock:
            if self._running.get(key) is mine:
                del self._running[key]
