"""Answering: one invocation as a request to the app, and what the app sends as the stream."""

import asyncio
import logging
import time
from typing import TypeAlias

from starlette.types import ASGIApp, Message

from penstock.aws.runtime.api import Invocation, ResponseStream, RuntimeApi
from penstock.aws.runtime.function_url import (
    MOST_BYTES,
    body_of,
    extensions_of,
    prelude_of,
    scope_of,
    wire_bytes,
)
from penstock.errors import RuntimeApiError
from penstock.errors.location import code_path

_SPARE_SECONDS = 1.0
"""Before the deadline: time to say that the answer breaks off, rather than to be stopped in it."""
_FAREWELL_SECONDS = 0.8
"""Of it, for a connection that takes nothing any more: then it is dropped."""

_Failure: TypeAlias = tuple[str, str]

_UNFINISHED = ("Penstock.Unfinished", "the answer has no end")
_LATE = ("Penstock.DeadlineExceeded", "the function's time is over")
_STOPPED = ("Penstock.Stopped", "the function is being shut down")
_FAILED = ("Penstock.Failed", "the function failed; its log says why")
_TOO_LARGE = ("Penstock.TooLarge", "the answer is larger than a response may be")

_log = logging.getLogger("penstock.aws")


async def answer(app: ASGIApp, invocation: Invocation, api: RuntimeApi) -> None:
    """Have the app answer an event of a Function URL, and stream what it sends.

    The scope's extensions tell the app what this invocation allows, and which one it is.

    An app that fails before its first byte fails the invocation; one that fails later, ends without
    its last byte or runs into the deadline breaks the answer off visibly. A client that is gone is
    told to the app, which ends its work.

    Raises RuntimeApiError if a failure can't be reported.
    """
    exchange = _Exchange(api, invocation)
    failure = _UNFINISHED
    seconds = invocation.deadline - time.time()
    time_given = asyncio.timeout(seconds - _SPARE_SECONDS)
    try:
        scope = scope_of(invocation.event)
        scope["extensions"] = extensions_of(
            most_bytes=wire_bytes(seconds),
            request_id=invocation.request_id,
            trace_id=invocation.trace_id,
        )
        async with time_given:
            await app(scope, exchange.receive, exchange.send)
    except asyncio.CancelledError:
        failure = _STOPPED
        raise
    except Exception as error:  # noqa: BLE001 - the outermost layer: logged, and reported
        if time_given.expired():  # a TimeoutError may also be one of the app's own
            failure = _LATE
            _log.error("invocation failed: %s", failure[1])
        else:
            failure = _FAILED
            _log.error("invocation failed: %s", code_path(error))
    finally:
        await exchange.close(failure)


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
        self._size_bytes = 0
        self._failure: _Failure | None = None
        self._finished = False

    async def receive(self) -> Message:
        if not self._asked:
            self._asked = True
            body = body_of(self._invocation.event)
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Pass a message on; what comes after the client has gone is dropped."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        if self._gone.is_set():
            # An app that only sends would never let anybody else run, nor end.
            await asyncio.sleep(0)
            return
        try:
            await self._send_body(message.get("body", b""), more=message.get("more_body", False))
        except RuntimeApiError as error:
            _log.warning("the client is gone: %s", error)
            self._gone.set()

    async def close(self, failure: _Failure) -> None:
        """End the exchange, as failed unless its last byte was sent."""
        self._gone.set()
        if self._watching is not None:
            self._watching.cancel()
        kind, message = self._failure or failure
        if self._stream is None:
            await self._api.fail(self._invocation.request_id, kind=kind, message=message)
            return
        try:
            if not self._finished:
                async with asyncio.timeout(_FAREWELL_SECONDS):
                    await self._stream.abort(kind=kind, message=message)
        except (RuntimeApiError, TimeoutError) as error:
            # Where nobody listens any more, nobody takes it for whole either.
            _log.debug("the end could not be told: %r", error)
        finally:
            self._stream.close()

    async def _send_body(self, body: bytes, *, more: bool) -> None:
        self._size_bytes += len(body)
        if self._size_bytes > MOST_BYTES:
            # Lambda would cut it there, and may not say so.
            _log.error("invocation failed: %s", _TOO_LARGE[1])
            self._failure = _TOO_LARGE
            self._gone.set()
            return
        if self._stream is None:
            if self._start is None:
                raise RuntimeError("a body was sent before its start")
            self._stream = await self._api.respond(self._invocation.request_id)
            self._watching = asyncio.create_task(self._watch(self._stream))
            await self._stream.write(prelude_of(self._start))
        await self._stream.write(body)
        if not more:
            # Its answer is not a sign that the client has left.
            if self._watching is not None:
                self._watching.cancel()
            await self._stream.finish()
            self._finished = True

    async def _watch(self, stream: ResponseStream) -> None:
        await stream.gone()
        self._gone.set()
