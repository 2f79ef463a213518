"""What a client sees: curl for whole transfers, bare sockets for first bytes and slow readers."""

import re
import selectors
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from servers import BenchError, Server

TRANSFER_SECONDS = 900
TIMINGS = r"%{http_code} %{time_starttransfer} %{time_total} %{size_download}\n"


class TransferFailedError(BenchError):
    """A transfer ended with an HTTP error or broke off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One GET: its path, the content coding it asks for, and the rows that it must give."""

    path: str
    coding: str | None = None
    accept: str | None = None
    rows: int | None = None

    def headers(self) -> dict[str, str]:
        """Give the request headers; without a coding, identity is all that is accepted."""
        said = {"Accept-Encoding": self.coding or "identity"}
        return said | ({"Accept": self.accept} if self.accept else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A finished transfer: its size, and seconds from the connect to its first and last byte."""

    first_byte_seconds: float
    seconds: float
    size: int


def download(server: Server, request: Request, *, to: Path | None = None) -> Transfer:
    """Fetch with curl over a new connection, to nowhere or to a file, decoding nothing."""
    return _curl(server, request, times=1, to=to)[0]


def repeated(server: Server, request: Request, *, times: int) -> list[Transfer]:
    """Fetch several times with one curl, which keeps its connection open in between."""
    return _curl(server, request, times=times, to=None)


def _curl(server: Server, request: Request, *, times: int, to: Path | None) -> list[Transfer]:
    command = ["curl", "-4", "-s", "-S", "--fail", "--max-time", str(TRANSFER_SECONDS)]
    command += ["-w", TIMINGS]
    for name, value in request.headers().items():
        command += ["-H", f"{name}: {value}"]
    command += ["-o", str(to or "/dev/null"), server.url(request.path)] * times
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        said = ended.stderr.strip().splitlines()
        raise TransferFailedError(said[-1] if said else f"curl ended with {ended.returncode}")
    fields = [line.split() for line in ended.stdout.splitlines()]
    return [
        Transfer(first_byte_seconds=float(first), seconds=float(total), size=int(size))
        for _, first, total, size in fields
    ]


def first_bytes(server: Server, request: Request, *, times: int, pause: float) -> list[float]:
    """Time new requests from before the connect to the first byte of the body; then hang up.

    Waits `pause` seconds after each, so that the server has noticed that its client left.
    """
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
            connection.sendall(_head(server, request))
            _read_past_head(connection)
            seconds.append(time.perf_counter() - began)
        time.sleep(pause)
    return seconds


def _head(server: Server, request: Request) -> bytes:
    lines = [f"GET {request.path} HTTP/1.1", f"Host: localhost:{server.port}"]
    lines += [f"{name}: {value}" for name, value in request.headers().items()]
    return "\r\n".join([*lines, "", ""]).encode()


def _read_past_head(connection: socket.socket) -> None:
    received = b""
    while not received.partition(b"\r\n\r\n")[2]:
        more = connection.recv(65536)
        if not more:
            raise TransferFailedError("the connection was closed before the first byte")
        received += more
    if not re.match(rb"HTTP/1\.1 200 ", received):
        raise TransferFailedError(received.partition(b"\r\n")[0].decode(errors="replace"))


@dataclass(slots=True)
class SlowReaders:
    """Many open downloads, each read at a fixed pace by one background thread."""

    received: dict[socket.socket, int] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    closed_early: int = 0

    def fewest_bytes(self) -> int:
        """Bytes that the reader that got least has read by now."""
        return min(self.received.values(), default=0)


@contextmanager
def slow_readers(
    server: Server, request: Request, *, readers: int, bytes_a_second: int
) -> Iterator[SlowReaders]:
    """Open `readers` downloads at once and read on from each, at this pace, until the block ends.

    Small receive buffers (128 KiB) let the server feel the pace; what it has sent beyond that
    waits on its side of the connection.
    """
    state, done = SlowReaders(), threading.Event()
    with ExitStack() as stack:
        for _ in range(readers):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            connection.connect(("127.0.0.1", server.port))
            connection.sendall(_head(server, request))
            connection.setblocking(False)
            state.received[connection] = 0
        reading = threading.Thread(target=_read_on, args=(state, done, bytes_a_second))
        reading.start()
        try:
            yield state
        finally:
            done.set()
            reading.join()


def _read_on(state: SlowReaders, done: threading.Event, bytes_a_second: int) -> None:
    began = time.monotonic()
    with selectors.DefaultSelector() as waiting:
        for connection in state.received:
            waiting.register(connection, selectors.EVENT_READ, connection)
        while not done.wait(0.05) and waiting.get_map():
            allowed = int((time.monotonic() - began) * bytes_a_second)
            for key, _ in waiting.select(0):
                reader: socket.socket = key.data
                wanted = allowed - state.received[reader]
                if wanted > 0 and not _read_some(state, reader, wanted):
                    waiting.unregister(reader)


def _read_some(state: SlowReaders, connection: socket.socket, wanted: int) -> bool:
    try:
        piece = connection.recv(min(wanted, 65536))
    except BlockingIOError:
        return True
    except OSError:
        piece = b""
    if not piece:
        state.closed_early += 1
        return False
    if state.received[connection] == 0 and not piece.startswith(b"HTTP/1.1 200 "):
        state.refused.append(piece.partition(b"\r\n")[0].decode(errors="replace"))
    state.received[connection] += len(piece)
    return True
