"""Tickets of sockets in memory: the process that gives them out also serves the sockets."""

import threading
import time
from collections import OrderedDict

from penstock.ports import Listener

_MOST_TICKETS = 10_000


class MemoryTickets:
    """The tickets that were given out last; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, Listener]] = OrderedDict()

    def put(self, ticket_sha256: str, listener: Listener, *, seconds: int) -> None:
        with self._lock:
            self._kept[ticket_sha256] = (time.monotonic() + seconds, listener)
            if len(self._kept) > _MOST_TICKETS:
                self._kept.popitem(last=False)

    def take(self, ticket_sha256: str) -> Listener | None:
        with self._lock:
            ends, listener = self._kept.pop(ticket_sha256, (0.0, None))
        return listener if time.monotonic() < ends else None
