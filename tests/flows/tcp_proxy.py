"""A proxy for bytes between a client and a server, which breaks connections when it is told to."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PIECE_BYTES = 65_536
_CONNECT_SECONDS = 30
_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER of no seconds: closing is a reset."""


class TcpProxy:
    """Passes connections to `port` on to `upstream`, a port of this machine."""

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.broken = 0
        """How many connections were broken off."""
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._pairs: list[_Pair] = []
        self._is_down = False
        self._cut_after: int | None = None
        self._thread = threading.Thread(target=self._accept, name="tcp-proxy", daemon=True)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        """The proxy as the address of an HTTP server."""
        return f"http://127.0.0.1:{self.port}"

    def down(self) -> None:
        """Break every connection, and each that comes, until `up`."""
        with self._lock:
            self._is_down = True
        self.drop()

    def up(self, upstream: int | None = None) -> None:
        """Pass connections on again, to another server where one is named."""
        with self._lock:
            self._is_down = False
            self.upstream = self.upstream if upstream is None else upstream

    def drop(self) -> None:
        """Break every connection that is open."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            pair.break_off()
            self.broken += 1

    def cut_next_after(self, size: int) -> None:
        """Break the next connection once so many bytes of the server's went through."""
        with self._lock:
            self._cut_after = size

    def close(self) -> None:
        """Take no further connection, and break those that are open."""
        # Closing alone doesn't wake the thread that accepts.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(_CONNECT_SECONDS)
        self.drop()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                is_down, upstream = self._is_down, self.upstream
                left, self._cut_after = self._cut_after, None
            if is_down:
                _reset(client)
                continue
            try:
                server = socket.create_connection(("127.0.0.1", upstream), _CONNECT_SECONDS)
            except OSError:
                _reset(client)
                continue
            server.settimeout(None)
            pair = _Pair(client, server, left)
            with self._lock:
                self._pairs.append(pair)
            pair.start()


class _Pair:
    """The two ends of one connection; the thread that is the last to leave closes both."""

    def __init__(self, client: socket.socket, server: socket.socket, left: int | None) -> None:
        self._client, self._server = client, server
        self._left = left
        self._lock = threading.Lock()
        self._at_work = 2

    def start(self) -> None:
        """Pass bytes on, both ways."""
        for source, sink in ((self._client, self._server), (self._server, self._client)):
            threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def break_off(self) -> None:
        """End the connection, in the midst of whatever is on its way."""
        with self._lock:
            if self._at_work == 0:
                return
            for end in (self._client, self._server):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE_BYTES):
                if source is self._server and self._left is not None:
                    piece, self._left = piece[: self._left], self._left - len(piece)
                    sink.sendall(piece)
                    if self._left <= 0:
                        break
                else:
                    sink.sendall(piece)
        self.break_off()
        with self._lock:
            self._at_work -= 1
            if self._at_work == 0:
                _reset(self._client)
                self._server.close()


def _reset(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    connection.close()


@contextmanager
def tcp_proxy(upstream: int) -> Iterator[TcpProxy]:
    """Run a proxy in front of a port of this machine for the body."""
    proxy = TcpProxy(upstream)
    try:
        yield proxy
    finally:
        proxy.close()
