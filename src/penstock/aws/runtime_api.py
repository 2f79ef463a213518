"""The Lambda Runtime API: invocations in, answers out, in its streaming response mode.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html and runtimes-custom.html describe it.
"""

import asyncio
import base64
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self, TypeAlias

import h11

CHUNK_BYTES = 65_536
"""The most that is handed over at once."""

_VERSION = "2018-06-01"
_READ_BYTES = 65_536
_HELD_BYTES = 65_536
"""What may wait for a connection that takes nothing, before `write` waits too."""

_Headers: TypeAlias = list[tuple[str, str]]


class RuntimeApiError(Exception):
    """The Runtime API can't be reached, or refuses; the function can only end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One event to answer; `deadline` is in seconds since 1970."""

    request_id: str
    event: dict[str, Any]
    deadline: float
    trace_id: str
    function_arn: str


class RuntimeApi:
    """A client of the Runtime API at `address`: `host:port`, as AWS_LAMBDA_RUNTIME_API has it."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def next(self) -> Invocation:
        """Wait for the next invocation, for as long as it takes.

        Raises RuntimeApiError.
        """
        async with _Exchange(self._address) as exchange:
            await exchange.ask("GET", "invocation/next", [])
            status, headers, body = await exchange.answer()
        if status != HTTPStatus.OK:
            raise RuntimeApiError(f"the next invocation is answered with {status}")
        return Invocation(
            request_id=headers["lambda-runtime-aws-request-id"],
            event=json.loads(body),
            deadline=int(headers["lambda-runtime-deadline-ms"]) / 1000,
            trace_id=headers.get("lambda-runtime-trace-id", ""),
            function_arn=headers.get("lambda-runtime-invoked-function-arn", ""),
        )

    async def fail(self, request_id: str, *, kind: str, message: str) -> None:
        """Say that an invocation failed before a byte of its answer. Raises RuntimeApiError."""
        await self._report(f"invocation/{request_id}/error", kind, message)

    async def fail_to_begin(self, *, kind: str, message: str) -> None:
        """Say that the function can't begin. Raises RuntimeApiError."""
        await self._report("init/error", kind, message)

    def respond(self, request_id: str) -> "ResponseStream":
        """Give the stream of an invocation's answer; nothing is sent before it is entered."""
        return ResponseStream(self._address, request_id)

    async def _report(self, path: str, kind: str, message: str) -> None:
        body = _described(kind, message)
        headers = [
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("lambda-runtime-function-error-type", kind),
        ]
        async with _Exchange(self._address) as exchange:
            await exchange.ask("POST", path, headers, body)
            status, _, _ = await exchange.answer()
        if status != HTTPStatus.ACCEPTED:
            raise RuntimeApiError(f"{path} is answered with {status}")


class ResponseStream:
    """The answer of one invocation, sent while it is made; an asynchronous context manager.

    It holds one chunk and 64 KiB. Left without `finish` or `abort`, its connection is dropped in
    mid-body, which the client sees as a failure.
    """

    def __init__(self, address: str, request_id: str) -> None:
        self._exchange = _Exchange(address)
        self._path = f"invocation/{request_id}/response"

    async def __aenter__(self) -> Self:
        await self._exchange.__aenter__()
        headers = [
            ("content-type", "application/vnd.awslambda.http-integration-response"),
            ("lambda-runtime-function-response-mode", "streaming"),
            ("trailer", "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"),
            ("transfer-encoding", "chunked"),
        ]
        await self._exchange.ask("POST", self._path, headers, None)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exchange.__aexit__()

    async def write(self, data: bytes) -> None:
        """Send bytes in chunks; returns once most of them are on their way.

        Raises RuntimeApiError if nobody takes them any more.
        """
        view = memoryview(data)
        for start in range(0, len(view), CHUNK_BYTES):
            await self._exchange.send(h11.Data(data=bytes(view[start : start + CHUNK_BYTES])))

    async def finish(self) -> None:
        """Say that the answer is whole. Raises RuntimeApiError if it isn't taken as such."""
        await self._end([])

    async def abort(self, *, kind: str, message: str) -> None:
        """Say, behind what was sent, that the answer broke off. Raises RuntimeApiError."""
        described = base64.b64encode(_described(kind, message)).decode()
        await self._end(
            [
                ("Lambda-Runtime-Function-Error-Type", kind),
                ("Lambda-Runtime-Function-Error-Body", described),
            ]
        )

    async def gone(self) -> None:
        """Return when the other side has closed the connection, or answered before the end."""
        await self._exchange.gone()

    async def _end(self, trailers: _Headers) -> None:
        await self._exchange.send(h11.EndOfMessage(headers=trailers))
        status, _, _ = await self._exchange.answer()
        if status != HTTPStatus.ACCEPTED:
            raise RuntimeApiError(f"the answer is answered with {status}")


class _Exchange:
    """One request on a connection of its own."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._state = h11.Connection(h11.CLIENT)
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._watching: asyncio.Task[bytes] | None = None

    async def __aenter__(self) -> Self:
        host, _, port = self._address.rpartition(":")
        try:
            self._reader, self._writer = await asyncio.open_connection(host, int(port))
        except OSError as error:
            raise RuntimeApiError(f"{self._address} can't be reached: {error}") from error
        self._writer.transport.set_write_buffer_limits(high=_HELD_BYTES)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._watching is not None:
            self._watching.cancel()
        if self._writer is not None:
            # What was not ended is dropped, not flushed: half an answer is to look like one.
            self._writer.transport.abort()

    async def ask(
        self, method: str, path: str, headers: _Headers, body: bytes | None = b""
    ) -> None:
        """Send a request; None leaves its body to be sent."""
        target = f"/{_VERSION}/runtime/{path}"
        await self.send(
            h11.Request(method=method, target=target, headers=[("host", self._address), *headers])
        )
        if body is not None:
            if body:
                await self.send(h11.Data(data=body))
            await self.send(h11.EndOfMessage())

    async def send(self, event: h11.Event) -> None:
        writer = _opened(self._writer)
        try:
            writer.write(self._state.send(event) or b"")
            await writer.drain()
        except (OSError, h11.LocalProtocolError) as error:
            raise RuntimeApiError(f"the connection was lost: {error}") from error

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Receive the status, the headers by lower-case name, and the body."""
        status, headers, body = 0, {}, []
        while True:
            event = await self._next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
                headers = {name.decode(): value.decode() for name, value in event.headers}
            elif isinstance(event, h11.Data):
                body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                return status, headers, b"".join(body)
            elif isinstance(event, h11.ConnectionClosed):
                raise RuntimeApiError("the connection was closed before its answer")

    async def gone(self) -> None:
        """Return when something, or the end, comes in; what came is kept for `answer`."""
        await asyncio.shield(self._reading())

    def _reading(self) -> "asyncio.Task[bytes]":
        if self._watching is None:
            self._watching = asyncio.ensure_future(_opened(self._reader).read(_READ_BYTES))
        return self._watching

    async def _next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        while (event := self._state.next_event()) is h11.NEED_DATA:
            try:
                received = await self._reading()
            except OSError as error:
                raise RuntimeApiError(f"the connection was lost: {error}") from error
            self._watching = None
            self._state.receive_data(received)
        return event


def _opened(end: Any) -> Any:
    if end is None:
        raise TypeError("the exchange was not entered")
    return end


def _described(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()
