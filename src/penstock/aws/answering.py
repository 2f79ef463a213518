"""Answering: one invocation as a request to the app, and what the app sends as the stream."""

import asyncio
import json
import logging
import time
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from mangum.handlers.api_gateway import HTTPGateway
from starlette.types import ASGIApp, Message, Scope

from penstock.aws.runtime_api import Invocation, ResponseStream, RuntimeApi, RuntimeApiError

_PRELUDE_ENDS = b"\0" * 8
_SPARE_SECONDS = 1.0
"""Before the deadline: time to say that the answer breaks off, rather than to be stopped in it."""

_log = logging.getLogger("penstock.aws")


async def answer(app: ASGIApp, invocation: Invocation, api: RuntimeApi) -> None:
    """Have the app answer an event of a Function URL, and stream what it sends.

    An app that fails before its first byte fails the invocation; one that fails later, ends without
    its last byte or runs into the deadline breaks the answer off visibly. A client that is gone is
    told to the app, which ends its work.

    Raises RuntimeApiError if a failure can't be reported.
    """
    exchange = _Exchange(api, invocation)
    failure = ("Penstock.Unfinished", "the answer has no end")
    try:
        async with asyncio.timeout(invocation.deadline - time.time() - _SPARE_SECONDS):
            await app(scope_of(invocation.event), exchange.receive, exchange.send)
    except TimeoutError:
        failure = ("Penstock.DeadlineExceeded", "the function's time is over")
    except Exception:  # noqa: BLE001 - the outermost layer: logged, and reported as a failure
        _log.exception("invocation failed")
        failure = ("Penstock.Failed", "the function failed; its log says why")
    finally:
        await exchange.close(*failure)


def scope_of(event: dict[str, Any]) -> Scope:
    """Read an event of a Function URL or an HTTP API (payload 2.0) as an ASGI scope.

    The query and the path are those that the client sent, byte by byte.
    """
    raw = str(event["rawPath"])
    own = {"raw_path": raw.encode(), "path": unquote(raw, errors="strict")}
    return {**_read(event).scope, **own}


def _read(event: dict[str, Any]) -> HTTPGateway:
    config: Any = {"api_gateway_base_path": "/", "text_mime_types": [], "exclude_headers": []}
    context: Any = None
    return HTTPGateway(event, context, config)


def prelude_of(start: Message) -> bytes:
    """Write a response's start as the Function URL wants it: status, headers, and cookies apart."""
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for raw_name, raw_value in start.get("headers", []):
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name == "set-cookie":
            cookies.append(value)
        else:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    said = {"statusCode": start["status"], "headers": headers, "cookies": cookies}
    return json.dumps(said).encode() + _PRELUDE_ENDS


class _Exchange:
    """The app's side of one invocation."""

    def __init__(self, api: RuntimeApi, invocation: Invocation) -> None:
        self._api = api
        self._invocation = invocation
        self._asked = False
        self._start: Message | None = None
        self._stream: ResponseStream | None = None
        self._watching: asyncio.Task[None] | None = None
        self._gone = asyncio.Event()
        self._finished = False

    async def receive(self) -> Message:
        if not self._asked:
            self._asked = True
            body = _read(self._invocation.event).body
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Pass a message on; what comes after the client has gone is dropped."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        try:
            await self._send_body(message.get("body", b""), more=message.get("more_body", False))
        except RuntimeApiError as error:
            _log.warning("the client is gone: %s", error)
            self._gone.set()

    async def close(self, kind: str, message: str) -> None:
        """End the exchange, as failed unless its last byte was sent."""
        self._gone.set()
        if self._watching is not None:
            self._watching.cancel()
        if self._stream is None:
            await self._api.fail(self._invocation.request_id, kind=kind, message=message)
            return
        if not self._finished:
            # Where nobody listens any more, nobody takes it for whole either.
            with suppress(RuntimeApiError):
                await self._stream.abort(kind=kind, message=message)
        await self._stream.__aexit__()

    async def _send_body(self, body: bytes, *, more: bool) -> None:
        if self._gone.is_set():
            # An app that only sends would never let anybody else run, nor end.
            await asyncio.sleep(0)
            return
        if self._stream is None:
            self._stream = await self._opened()
            body = prelude_of(self._start or {"status": 500}) + body
        if body:
            await self._stream.write(body)
        if not more:
            await self._stream.finish()
            self._finished = True

    async def _opened(self) -> ResponseStream:
        stream = self._api.respond(self._invocation.request_id)
        await stream.__aenter__()
        self._watching = asyncio.create_task(self._watch(stream))
        return stream

    async def _watch(self, stream: ResponseStream) -> None:
        await stream.gone()
        self._gone.set()
