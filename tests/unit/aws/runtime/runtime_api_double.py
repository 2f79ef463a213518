"""A Runtime API in this process: hands out invocations, and keeps what is answered."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import h11

from penstock.aws.runtime.api import RuntimeApi

KEPT_BYTES = 1_000_000


@dataclass
class Answer:
    """What came back for one invocation; `body` is a stream's first megabyte, prelude and all."""

    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    trailers: dict[str, str] = field(default_factory=dict)
    size: int = 0
    largest: int = 0
    ended: bool = False

    @property
    def prelude(self) -> dict[str, Any]:
        return dict(json.loads(bytes(self.body).partition(b"\0" * 8)[0]))

    @property
    def content(self) -> bytes:
        return bytes(self.body).partition(b"\0" * 8)[2]

    @property
    def error(self) -> dict[str, str]:
        described = self.trailers["lambda-runtime-function-error-body"]
        return dict(json.loads(base64.b64decode(described)))


class RuntimeApiDouble:
    """`events` are handed out as JSON, bytes as they are. `leaves_after` closes a stream's
    connection once it has brought so many bytes, `stops_after` reads no further, and `refuses`
    answers a stream's end with 413.
    """

    def __init__(
        self,
        *,
        leaves_after: int | None = None,
        stops_after: int | None = None,
        refuses: bool = False,
    ) -> None:
        self.events: asyncio.Queue[dict[str, Any] | bytes] = asyncio.Queue()
        self.seconds = 30.0
        self.answers: list[Answer] = []
        self._stopped = asyncio.Event()
        self._leaves_after = leaves_after
        self._stops_after = stops_after
        self._refuses = refuses
        self._given = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[RuntimeApi]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            yield RuntimeApi(f"127.0.0.1:{port}")
        finally:
            self._stopped.set()
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state = h11.Connection(h11.SERVER)
        answer: Answer | None = None
        try:
            while True:
                event = state.next_event()
                if event is h11.NEED_DATA:
                    state.receive_data(await reader.read(65_536))
                elif isinstance(event, h11.Request):
                    headers = {name.decode(): value.decode() for name, value in event.headers}
                    answer = Answer(path=event.target.decode(), headers=headers)
                    if event.method == b"POST":
                        self.answers.append(answer)
                elif isinstance(event, h11.Data) and answer is not None:
                    answer.size += len(event.data)
                    if len(answer.body) < KEPT_BYTES:
                        answer.body += event.data
                    answer.largest = max(answer.largest, len(event.data))
                    if self._leaves_after is not None and answer.size > self._leaves_after:
                        return
                    if self._stops_after is not None and answer.size > self._stops_after:
                        await self._stopped.wait()
                        return
                elif isinstance(event, h11.EndOfMessage) and answer is not None:
                    answer.trailers = {
                        name.decode(): value.decode() for name, value in event.headers
                    }
                    answer.ended = True
                    writer.write(await self._respond(state, answer))
                    await writer.drain()
                    return
                else:
                    return
        except (h11.RemoteProtocolError, ConnectionError):
            return
        finally:
            writer.close()

    async def _respond(self, state: h11.Connection, answer: Answer) -> bytes:
        if not answer.path.endswith("/next"):
            status = 413 if self._refuses and answer.path.endswith("/response") else 202
            response = h11.Response(status_code=status, headers=[("content-length", "0")])
            return (state.send(response) or b"") + (state.send(h11.EndOfMessage()) or b"")
        event = await self.events.get()
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        self._given += 1
        deadline = int((time.time() + self.seconds) * 1000)
        headers = [
            ("lambda-runtime-aws-request-id", f"request-{self._given}"),
            ("lambda-runtime-deadline-ms", str(deadline)),
            ("lambda-runtime-trace-id", f"Root=1-{self._given}"),
            ("content-length", str(len(body))),
        ]
        parts = (
            h11.Response(status_code=200, headers=headers),
            h11.Data(data=body),
            h11.EndOfMessage(),
        )
        return b"".join(state.send(part) or b"" for part in parts)


def event_of(
    path: str, *, query: str = "", headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """Make the event that a Function URL sends for a GET."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "abc.lambda-url.eu-west-1.on.aws", **(headers or {})},
        "requestContext": {
            "http": {"method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"}
        },
        "isBase64Encoded": False,
    }
