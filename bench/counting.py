"""A way to a server that counts the requests on it, and can make each one take longer."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit

_PIECE_BYTES = 262_144
_HEAD = re.compile(rb"^([A-Z]+) (\S+) HTTP/1\.1\r\n")
_OPERATION = re.compile(rb"^x-amz-target: *\w+\.(\w+)", re.IGNORECASE | re.MULTILINE)
_RANGE = re.compile(rb"^range: *bytes=(\d+)-(\d+)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request: when it came, and when its answer began, on the clock of time.perf_counter."""

    what: str
    came: float
    answered: float | None = None


@dataclass(slots=True, kw_only=True)
class Counted:
    """A running way at `endpoint`; what was asked on it stands in `requests`, in order."""

    endpoint: str
    delay_seconds: float = 0.0
    """What each request waits before it is passed on."""
    requests: list[Asked] = field(default_factory=list)


@contextmanager
def counting(endpoint: str) -> Iterator[Counted]:
    """Pass on what comes to a port of its own, as it is, while the body runs."""
    upstream = urlsplit(endpoint)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        way = Counted(endpoint=f"http://127.0.0.1:{listening.getsockname()[1]}")

        def accept() -> None:
            # Closing the socket ends the wait.
            with suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    server = socket.create_connection((upstream.hostname, upstream.port))
                    _Passing(way, client, server).start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield way
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            accepting.join()


class _Passing:
    """One connection, both ways, until either side ends it."""

    def __init__(self, way: Counted, client: socket.socket, server: socket.socket) -> None:
        self._way = way
        self._client = client
        self._server = server
        self._open: Asked | None = None

    def start(self) -> None:
        for each in (self._client, self._server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for run in (self._ask, self._answer):
            threading.Thread(target=run, daemon=True).start()

    def _ask(self) -> None:
        # Clients send a head in one piece, and wait for its answer before the next one.
        with suppress(OSError):
            while piece := self._client.recv(_PIECE_BYTES):
                if head := _HEAD.match(piece):
                    self._open = Asked(what=_described(head, piece), came=time.perf_counter())
                    self._way.requests.append(self._open)
                    if self._way.delay_seconds:
                        time.sleep(self._way.delay_seconds)
                self._server.sendall(piece)
        self._end()

    def _answer(self) -> None:
        with suppress(OSError):
            while piece := self._server.recv(_PIECE_BYTES):
                if self._open is not None:
                    at = self._way.requests.index(self._open)
                    answered = replace(self._open, answered=time.perf_counter())
                    self._way.requests[at], self._open = answered, None
                self._client.sendall(piece)
        self._end()

    def _end(self) -> None:
        for each in (self._client, self._server):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def _described(head: re.Match[bytes], piece: bytes) -> str:
    if operation := _OPERATION.search(piece):
        return operation[1].decode()
    split = urlsplit(unquote(head[2].decode("latin-1")))
    what = "listing" if "list-type" in split.query else split.path.rpartition("/")[2]
    asked = _RANGE.search(piece)
    part = f" {int(asked[2]) - int(asked[1]) + 1:,} B" if asked else ""
    return f"{head[1].decode()} {what}{part}"
