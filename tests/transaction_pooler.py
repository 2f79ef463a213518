"""A pooler in front of a PostgreSQL, which lends a server's connection for one transaction.

As PgBouncer does with `pool_mode = transaction`, and an RDS proxy with sessions that it hasn't
pinned; but always the connection that was lent longest ago, not the last one.
"""

import os
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Self

import psycopg
from psycopg import conninfo

_TLS_WANTED = 80877103
"""In place of a version ("Message Formats" in PostgreSQL's manual)."""
_TERMINATE, _READY, _IDLE = b"X", b"Z", b"I"
_ENDS_A_TURN = (b"Q", b"S")
"""A simple query, and the end of a series of others: the server is ready after it."""
_TOLD = (
    "server_version", "server_encoding", "client_encoding", "DateStyle", "TimeZone",
    "integer_datetimes", "standard_conforming_strings",
)  # fmt: skip
_ENDING_SECONDS = 30


class TransactionPooler:
    """Takes clients, whoever they say they are, on a port of this machine."""

    def __init__(self, target: str, *, connections: int, stack: ExitStack) -> None:
        self._target = target
        self._free: deque[_Peer] = deque()
        self._given_back = threading.Condition()
        self._is_ended = False
        for _ in range(connections):
            connection = stack.enter_context(psycopg.connect(target, autocommit=True))
            self._greeting = _greeting(connection)
            server = socket.socket(fileno=os.dup(connection.pgconn.socket))
            server.setblocking(True)
            self._free.append(stack.enter_context(_Peer(server)))
        self._door = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self._clients: list[socket.socket] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._serving: list[threading.Thread] = []
        stack.callback(self._end)
        self._accepting.start()

    @property
    def connection_string(self) -> str:
        """How to connect to the database through it."""
        host, port = self._door.getsockname()
        return conninfo.make_conninfo(self._target, host=host, port=port)

    def _end(self) -> None:
        with self._given_back:
            self._is_ended = True
            self._given_back.notify_all()
        # Closing alone doesn't wake the thread that accepts.
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._accepting.join(_ENDING_SECONDS)
        for client in self._clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in self._serving:
            thread.join(_ENDING_SECONDS)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
                self._clients.append(client)
                thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
                self._serving.append(thread)
                thread.start()

    def _serve(self, accepted: socket.socket) -> None:
        lent: list[_Peer] = []
        try:
            with _Peer(accepted) as client, suppress(OSError, EOFError):
                self._greet(client)
                while (message := client.message())[:1] != _TERMINATE:
                    if not lent:
                        lent.append(self._lend())
                    (server,) = lent
                    server.say(message)
                    if message[:1] in _ENDS_A_TURN and _pass_on(server, client) == _IDLE:
                        self._take_back(lent.pop())
        finally:
            for server in lent:
                _leave_transaction(server)
                self._take_back(server)

    def _greet(self, client: "_Peer") -> None:
        size, version = struct.unpack("!II", client.exactly(8))
        client.exactly(size - 8)
        if version == _TLS_WANTED:
            client.say(b"N")
            self._greet(client)
        else:
            client.say(self._greeting)

    def _lend(self) -> "_Peer":
        with self._given_back:
            self._given_back.wait_for(lambda: self._free or self._is_ended)
            if self._is_ended:
                raise EOFError
            return self._free.popleft()

    def _take_back(self, server: "_Peer") -> None:
        with self._given_back:
            self._free.append(server)
            self._given_back.notify()


class _Peer:
    """Who is talked to on a socket, which is closed behind the body."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._heard = line.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._heard.close()
        self._line.close()

    def say(self, message: bytes) -> None:
        """Send it whole."""
        self._line.sendall(message)

    def message(self) -> bytes:
        """Give the next message."""
        head = self.exactly(5)
        return head + self.exactly(struct.unpack("!I", head[1:])[0] - 4)

    def exactly(self, size: int) -> bytes:
        """Give so many bytes. Raises EOFError where fewer come."""
        found = self._heard.read(size)
        if len(found) < size:
            raise EOFError
        return found


@contextmanager
def pooled(target: str, *, connections: int) -> Iterator[TransactionPooler]:
    """Stand in front of a database for the body, with so many connections to it."""
    with ExitStack() as stack:
        yield TransactionPooler(target, connections=connections, stack=stack)


def _greeting(connection: "psycopg.Connection[tuple[object, ...]]") -> bytes:
    told = [(name, connection.info.parameter_status(name) or "") for name in _TOLD]
    return b"".join(
        (
            _made(b"R", struct.pack("!I", 0)),
            *(_made(b"S", f"{name}\0{value}\0".encode()) for name, value in told),
            _made(b"K", struct.pack("!II", 1, 1)),
            _made(_READY, _IDLE),
        )
    )


def _pass_on(server: _Peer, client: _Peer) -> bytes:
    """Pass a server's answer on, and give the state of the transaction that it ends with."""
    while (message := server.message())[:1] != _READY:
        client.say(message)
    client.say(message)
    return message[5:6]


def _leave_transaction(server: _Peer) -> None:
    server.say(_made(b"Q", b"ROLLBACK\0"))
    while server.message()[:1] != _READY:
        pass


def _made(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("!I", 4 + len(content)) + content
