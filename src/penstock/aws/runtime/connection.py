"""A connection to the Runtime API: one request, which may go on for long, and its answer."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import httptools

from penstock.errors import RuntimeApiError

_HELD_BYTES = 65_536
"""What may wait for a connection that takes nothing, before `send` waits too."""

_KERNEL_BYTES = 262_144
"""What may wait in the kernel: with megabytes there, as it would come to hold by itself, the end of
an answer waits behind seconds of it at the pace that Lambda allows. Throughput is the same."""


@dataclass(slots=True, kw_only=True)
class Reply:
    """What came back: the headers by lower-case name."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)


@asynccontextmanager
async def connected(address: str) -> AsyncIterator["Connection"]:
    """Open a connection to `host:port` for the body, and drop it after it.

    Raises RuntimeApiError if it can't be reached.
    """
    connection = await Connection.open(address)
    try:
        yield connection
    finally:
        connection.close()


class Connection(asyncio.Protocol):
    """One exchange over HTTP/1.1; holds 64 KiB that the other side has not taken yet."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._reply = Reply()
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._room = asyncio.Event()
        self._room.set()
        self._stirred = asyncio.Event()
        self._ended = asyncio.Event()
        self._complete = False
        self._lost = ""

    @classmethod
    async def open(cls, address: str) -> "Connection":
        """Connect to `host:port`. Raises RuntimeApiError if nobody listens there."""
        host, _, port = address.rpartition(":")
        try:
            _, connection = await asyncio.get_running_loop().create_connection(cls, host, int(port))
        except (OSError, ValueError) as error:
            raise RuntimeApiError(f"{address} can't be reached: {error}") from error
        return connection

    def close(self) -> None:
        """Drop the connection: what was not ended is not to look as if it were."""
        if self._transport is not None:
            self._transport.abort()

    async def send(self, *parts: bytes) -> None:
        """Send the parts one behind the other; returns once most of it is on its way.

        Raises RuntimeApiError if the connection is lost.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            raise self._loss()
        transport.writelines(parts)
        await self._room.wait()
        if self._lost:
            raise self._loss()

    async def reply(self) -> Reply:
        """Wait for the whole answer. Raises RuntimeApiError if the connection ends before it."""
        await self._ended.wait()
        if not self._complete:
            raise self._loss()
        return self._reply

    async def stirred(self) -> None:
        """Return when something, or the end of the connection, has come in."""
        await self._stirred.wait()

    def _loss(self) -> RuntimeApiError:
        return RuntimeApiError(f"The connection is lost: {self._lost or 'closed'}.")

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A stream's transport; uvloop's are not registered as such.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_HELD_BYTES)
        opened: socket.socket = self._transport.get_extra_info("socket")
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BYTES)

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def data_received(self, data: bytes) -> None:
        self._stirred.set()
        if self._parser is None:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._lost = f"the answer is no HTTP ({error})"
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = self._lost or (str(exc) if exc else "closed by the other side")
        # The parser holds this object, which holds it.
        self._parser = None
        for event in (self._stirred, self._ended, self._room):
            event.set()

    # What the parser calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        self._reply.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._reply.body += body

    def on_message_complete(self) -> None:
        if self._parser is not None:
            self._reply.status = self._parser.get_status_code()
        self._complete = True
        self._ended.set()
