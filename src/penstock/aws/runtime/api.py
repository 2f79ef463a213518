"""The Lambda Runtime API: invocations in, answers out, in its streaming response mode.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html and runtimes-custom.html describe it.
"""

import base64
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeAlias

from penstock.aws.runtime.connection import Connection, Reply, connected
from penstock.errors import RuntimeApiError

CHUNK_BYTES = 65_536
"""The most that is handed over at once."""

API_PATH = "/2018-06-01/runtime/"
"""The version of the API stands in all its paths."""

PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response"
"""The content type of an answer that begins with a status, headers and cookies as JSON."""

ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"
ERROR_BODY = "Lambda-Runtime-Function-Error-Body"
"""Headers of a failure, and trailers of an answer that broke off; the body is base64 there."""

_UNREADABLE = "Penstock.Unreadable"

_log = logging.getLogger("penstock.aws")

_Headers: TypeAlias = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One event to answer; `deadline` is in seconds since 1970."""

    request_id: str
    event: dict[str, Any]
    deadline: float
    trace_id: str = ""


class RuntimeApi:
    """A client of the Runtime API at `address`: `host:port`, as AWS_LAMBDA_RUNTIME_API has it."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def next(self) -> Invocation:
        """Wait for the next invocation, for as long as it takes.

        One whose event can't be read as JSON is answered as failed, and the next one waited for.

        Raises RuntimeApiError.
        """
        while True:
            reply = await self._next()
            try:
                request_id = reply.headers["lambda-runtime-aws-request-id"]
                deadline = int(reply.headers["lambda-runtime-deadline-ms"]) / 1000
            except (KeyError, ValueError) as error:
                raise RuntimeApiError(f"The next invocation can't be read: {error!r}.") from error
            try:
                event = json.loads(reply.body)
            except (ValueError, RecursionError) as error:
                # Whoever made it up is not to end the function for everybody else.
                _log.error("invocation failed: its event can't be read: %s", type(error).__name__)
                await self.fail(request_id, kind=_UNREADABLE, message="the event can't be read")
                continue
            return Invocation(
                request_id=request_id,
                event=event,
                deadline=deadline,
                trace_id=reply.headers.get("lambda-runtime-trace-id", ""),
            )

    async def fail(self, request_id: str, *, kind: str, message: str) -> None:
        """Say that an invocation failed before a byte of its answer. Raises RuntimeApiError."""
        await self._report(f"invocation/{request_id}/error", kind, message)

    async def fail_to_begin(self, *, kind: str, message: str) -> None:
        """Say that the function can't begin. Raises RuntimeApiError."""
        await self._report("init/error", kind, message)

    async def respond(self, request_id: str) -> "ResponseStream":
        """Begin an invocation's answer; the stream is to be closed. Raises RuntimeApiError."""
        connection = await Connection.open(self._address)
        headers = [
            ("Content-Type", PRELUDE_TYPE),
            ("Lambda-Runtime-Function-Response-Mode", "streaming"),
            ("Trailer", f"{ERROR_TYPE}, {ERROR_BODY}"),
            ("Transfer-Encoding", "chunked"),
        ]
        try:
            await connection.send(self._head("POST", f"invocation/{request_id}/response", headers))
        except BaseException:
            connection.close()
            raise
        return ResponseStream(connection)

    async def _next(self) -> Reply:
        async with connected(self._address) as connection:
            await connection.send(self._head("GET", "invocation/next", []))
            reply = await connection.reply()
        if reply.status != HTTPStatus.OK:
            raise RuntimeApiError(f"The next invocation is answered with {reply.status}.")
        return reply

    async def _report(self, path: str, kind: str, message: str) -> None:
        body = _described(kind, message)
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            (ERROR_TYPE, kind),
        ]
        async with connected(self._address) as connection:
            await connection.send(self._head("POST", path, headers), body)
            reply = await connection.reply()
        if reply.status != HTTPStatus.ACCEPTED:
            raise RuntimeApiError(f"{path} is answered with {reply.status}.")

    def _head(self, method: str, path: str, headers: _Headers) -> bytes:
        lines = [f"{method} {API_PATH}{path} HTTP/1.1", f"Host: {self._address}"]
        lines += [f"{name}: {value}" for name, value in headers]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


class ResponseStream:
    """The answer of one invocation, sent while it is made; it holds a chunk and 64 KiB.

    Closed without `finish` or `abort`, its connection is dropped in mid-body, which is seen as a
    failure, too.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_ended = False

    async def write(self, data: bytes) -> None:
        """Send bytes in chunks; returns once most of them are on their way.

        Raises RuntimeApiError if nobody takes them any more.
        """
        if len(data) <= CHUNK_BYTES:
            await self._write_chunk(data)
            return
        view = memoryview(data)
        for start in range(0, len(view), CHUNK_BYTES):
            await self._write_chunk(bytes(view[start : start + CHUNK_BYTES]))

    async def finish(self) -> None:
        """Say that the answer is whole. Raises RuntimeApiError if it isn't taken as such."""
        await self._end([])

    async def abort(self, *, kind: str, message: str) -> None:
        """Say, behind what was sent, that the answer broke off.

        Raises RuntimeApiError, also where the end was said already.
        """
        if self._is_ended:
            raise RuntimeApiError("The answer's end was said already.")
        described = base64.b64encode(_described(kind, message)).decode()
        await self._end([(ERROR_TYPE, kind), (ERROR_BODY, described)])

    async def gone(self) -> None:
        """Return when the other side has closed the connection, or answered before the end."""
        await self._connection.stirred()

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    async def _write_chunk(self, data: bytes) -> None:
        if data:  # an empty chunk is the end (RFC 9112, section 7.1)
            await self._connection.send(b"%x\r\n" % len(data), data, b"\r\n")

    async def _end(self, trailers: _Headers) -> None:
        self._is_ended = True
        lines = ["0", *(f"{name}: {value}" for name, value in trailers), "", ""]
        await self._connection.send("\r\n".join(lines).encode("latin-1"))
        reply = await self._connection.reply()
        if reply.status != HTTPStatus.ACCEPTED:
            raise RuntimeApiError(f"The answer is answered with {reply.status}.")


def _described(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()
