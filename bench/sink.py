"""Where answers end: a bare reader that times, counts and drops them, the same for every server."""

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

from servers import BenchError

BUFFER_BYTES = 262_144
PACED_BUFFER_BYTES = 65_536
PRELUDE_ENDS = b"\0" * 8
MOST_HEAD_BYTES = 131_072


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast an answer is taken: at once for `burst_bytes`, then so many bytes a second."""

    burst_bytes: float
    bytes_a_second: float

    def may_have(self, seconds: float) -> int:
        """Give the bytes that may be taken so long after the first one."""
        return int(self.burst_bytes + self.bytes_a_second * seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A whole answer: bytes of its body, and seconds from asking to the first and the last one."""

    first_byte_seconds: float
    seconds: float
    size: int
    prelude: bytes = b""
    trailers: Mapping[str, str]


class Sink:
    """One end of a connection over HTTP/1.1; holds a buffer of 256 KiB, or less if it is paced."""

    def __init__(self, connection: socket.socket, pace: Pace | None = None) -> None:
        self._connection = connection
        self._pace = pace
        self._buffer = bytearray(BUFFER_BYTES if pace is None else PACED_BUFFER_BYTES)
        self._at = self._filled = 0
        self._first_byte: float | None = None
        self._received = 0

    def head(self) -> tuple[str, dict[str, str]]:
        """Read up to the body: the first line, and the headers by lower-case name."""
        first = self._line()
        return first, self._fields()

    def body(self, headers: Mapping[str, str], *, asked: float, prelude: bool = False) -> Taken:
        """Take the body, which is chunked or has a length; with `prelude`, what follows one.

        Raises BenchError if the connection ends before it.
        """
        skipped = self._prelude() if prelude else b""
        trailers: dict[str, str] = {}
        size = 0
        if headers.get("transfer-encoding") == "chunked":
            while chunk := int(self._line().partition(";")[0], 16):
                self._skip(chunk)
                size += chunk
                self._line()
            trailers = self._fields()
        else:
            size = int(headers["content-length"])
            self._skip(size)
        ended = time.perf_counter()
        return Taken(
            first_byte_seconds=(self._first_byte or ended) - asked,
            seconds=ended - asked,
            size=size,
            prelude=skipped,
            trailers=trailers,
        )

    def whole(self, size: int) -> bytes:
        """Read so many bytes, and keep them."""
        held = bytearray()
        while len(held) < size:
            self._more()
            step = min(size - len(held), self._filled - self._at)
            held += self._buffer[self._at : self._at + step]
            self._at += step
        return bytes(held)

    def _prelude(self) -> bytes:
        """Read the chunks before the body: the runtime writes a prelude as chunks of its own."""
        held = b""
        while not held.endswith(PRELUDE_ENDS):
            size = int(self._line().partition(";")[0], 16)
            held += self.whole(size)
            self._line()
            if size == 0 or len(held) > MOST_HEAD_BYTES:
                raise BenchError("the answer has no prelude of its own")
        return held.removesuffix(PRELUDE_ENDS)

    def _fields(self) -> dict[str, str]:
        found = {}
        while line := self._line():
            name, _, value = line.partition(":")
            found[name.strip().lower()] = value.strip()
        return found

    def _line(self) -> str:
        held = b""
        while True:
            self._more()
            end = self._buffer.find(b"\n", self._at, self._filled)
            stop = self._filled if end < 0 else end + 1
            held += self._buffer[self._at : stop]
            self._at = stop
            if end >= 0:
                return held.strip().decode("latin-1")
            if len(held) > MOST_HEAD_BYTES:
                raise BenchError("a line of the answer has no end")

    def _skip(self, size: int) -> None:
        while size:
            self._more()
            if self._first_byte is None:
                self._first_byte = time.perf_counter()
                self._received = 0
            step = min(size, self._filled - self._at)
            self._at += step
            size -= step

    def _more(self) -> None:
        """Have at least one unread byte."""
        if self._at < self._filled:
            return
        most = len(self._buffer)
        if self._pace is not None and self._first_byte is not None:
            most = min(most, self._wait_for_turn(self._pace, self._first_byte))
        self._at = 0
        self._filled = self._connection.recv_into(memoryview(self._buffer)[:most])
        self._received += self._filled
        if not self._filled:
            raise BenchError("the connection ended before the answer did")

    def _wait_for_turn(self, pace: Pace, first_byte: float) -> int:
        while True:
            now = time.perf_counter() - first_byte
            allowed = pace.may_have(now) - self._received
            if allowed > 0:
                return allowed
            # A kilobyte's time, so that it isn't asked for byte by byte.
            time.sleep((1024 - allowed) / pace.bytes_a_second)


def get(port: int, path: str, headers: Mapping[str, str], *, pace: Pace | None = None) -> Taken:
    """Ask a server of this machine over a new connection; timed from before the connect.

    Raises BenchError if it doesn't answer with a 200, whole.
    """
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    asked = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), timeout=600) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        sink = Sink(connection, pace)
        first, answered = sink.head()
        if " 200 " not in f"{first} ":
            raise BenchError(f"{path} is answered with {first}")
        return sink.body(answered, asked=asked)
