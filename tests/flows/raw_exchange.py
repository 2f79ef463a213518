"""A client that shows what really came over a connection: how much, and whether it ended whole."""

import json
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_MOST_AT_ONCE = 1 << 20
_SMALL_BUFFER = 16_384
_PATIENCE_SECONDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One answer; `whole` is what its framing says, and a broken one may have any `body`."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool

    @property
    def problem(self) -> dict[str, object]:
        """The body as a problem."""
        assert self.headers["content-type"] == "application/problem+json"
        described = json.loads(self.body)
        assert isinstance(described, dict)
        return described


class Connection:
    """One request on a connection of its own; reads no byte before it is asked to."""

    def __init__(
        self,
        port: int,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        version: str = "1.1",
        method: str = "GET",
        slow: bool = False,
    ) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.settimeout(_PATIENCE_SECONDS)
        if slow:
            # Little may wait in the kernel, so that the service notices a reader that stops.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
        self._socket.connect(("127.0.0.1", port))
        lines = [f"{method} {target} HTTP/{version}", f"Host: localhost:{port}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._arrived = bytearray()

    def take(self, size: int) -> bytes:
        """Read until this many bytes of the answer have come; all of them so far."""
        while len(self._arrived) < size and self._more():
            pass
        return bytes(self._arrived)

    def rest(self) -> Exchange:
        """Read until the answer is whole or the connection ends."""
        with self._socket:
            while not self._may_be_whole() and self._more():
                pass
            exchange = _parsed(bytes(self._arrived))
            while not exchange.whole and self._more():
                exchange = _parsed(bytes(self._arrived))
        return exchange

    def leave(self) -> None:
        """Go away, whatever is still to come."""
        self._socket.close()

    def _may_be_whole(self) -> bool:
        head = self._arrived.find(b"\r\n\r\n")
        if head < 0:
            return False
        length = _LENGTH.search(self._arrived, 0, head + 2)
        if length is None:
            return self._arrived.endswith(b"0\r\n\r\n")
        return len(self._arrived) >= head + 4 + int(length[1])

    def _more(self) -> bool:
        try:
            piece = self._socket.recv(_MOST_AT_ONCE)
        except ConnectionResetError:
            return False
        self._arrived += piece
        return bool(piece)


def ask(
    port: int,
    target: str,
    *,
    headers: Mapping[str, str] | None = None,
    version: str = "1.1",
    slow: bool = False,
    before_reading: Callable[[], object] = lambda: None,
) -> Exchange:
    """Make a request and read what comes of it."""
    connection = Connection(port, target, headers=headers, version=version, slow=slow)
    before_reading()
    return connection.rest()


def _parsed(arrived: bytes) -> Exchange:
    head, found, body = arrived.partition(b"\r\n\r\n")
    assert found, "the connection ended before the headers did"
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = [line.split(": ", 1) for line in lines]
    headers = {name.lower(): value for name, value in pairs}
    if headers.get("transfer-encoding") == "chunked":
        body, whole = _dechunked(body)
    else:
        # Without either there is nothing by which a client could tell a part from the whole.
        assert "content-length" in headers, "an answer without framing"
        whole = len(body) == int(headers["content-length"])
    return Exchange(status=int(first.split(" ")[1]), headers=headers, body=body, whole=whole)


def _dechunked(framed: bytes) -> tuple[bytes, bool]:
    pieces, place = [], 0
    while (end := framed.find(b"\r\n", place)) >= 0:
        size = int(framed[place:end], 16)
        piece = framed[end + 2 : end + 2 + size]
        pieces.append(piece)
        place = end + 2 + size + 2
        if size == 0 or len(piece) < size:
            return b"".join(pieces), size == 0
    return b"".join(pieces), False
