"""A request to the Runtime API, read no faster than somebody takes it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus

import httptools

_READ_BYTES = 65_536


class BrokenRequestError(Exception):
    """The connection ended, or stopped to be HTTP, before the request did."""


class Request:
    """One request over HTTP/1.1, on a connection of its own; it holds what one read brought."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.method = ""
        self.path = ""
        self.headers: dict[str, str] = {}
        self.trailers: dict[str, str] = {}
        self._reader = reader
        self._writer = writer
        self._parser = httptools.HttpRequestParser(self)
        self._has_head = self._is_whole = False
        self._pieces: deque[bytes] = deque()

    async def read_head(self) -> None:
        """Read until method, path and headers are known. Raises BrokenRequestError."""
        while not self._has_head:
            await self._read()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes; the trailers are known after it.

        Raises BrokenRequestError.
        """
        while True:
            while self._pieces:
                yield self._pieces.popleft()
            if self._is_whole:
                return
            await self._read()

    async def respond(
        self, status: HTTPStatus, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> None:
        """Answer it, and be done with the connection. Raises BrokenRequestError."""
        lines = [f"HTTP/1.1 {status.value} {status.phrase}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
        self._writer.write("\r\n".join(lines).encode("latin-1") + body)
        try:
            await self._writer.drain()
        except OSError as error:
            raise BrokenRequestError(str(error)) from error

    async def _read(self) -> None:
        try:
            data = await self._reader.read(_READ_BYTES)
            if not data:
                raise BrokenRequestError("the connection was closed before its end")
            self._parser.feed_data(data)
        except (OSError, httptools.HttpParserError) as error:
            raise BrokenRequestError(f"the connection broke: {error}") from error

    # What the parser calls.

    def on_url(self, url: bytes) -> None:
        self.path += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        known = self.trailers if self._has_head else self.headers
        known[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.method = self._parser.get_method().decode()
        self._has_head = True

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        self._is_whole = True
