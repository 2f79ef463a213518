"""Streaming: an answer onto a connection, whole or visibly broken, while the client stays."""

import asyncio
import logging
import threading
import traceback
from collections.abc import Callable, Iterator

from starlette.types import Message, Receive, Scope, Send

from penstock.errors import BusyError, PenstockError, ScanCancelledError
from penstock.errors.location import code_path
from penstock.web.answers import Answer, StreamedBody
from penstock.web.resources import Resources
from penstock.web.sending.pipe import Pipe

_WITHOUT_BODY = (204, 304)

_log = logging.getLogger("penstock.web")


class BrokenStreamError(Exception):
    """Ends a connection in mid-body, so that no client takes the part for the whole."""


class DisconnectWatch:
    """Watches for the client to go away, from before its answer is made until it is sent."""

    def __init__(self, receive: Receive, *callbacks: Callable[[], None]) -> None:
        self._callbacks = list(callbacks)
        self._has_left = False
        self._watching = asyncio.create_task(self._watch(receive))

    def then(self, callback: Callable[[], None]) -> None:
        """Call this when the client leaves, at once if it has."""
        self._callbacks.append(callback)
        if self._has_left:
            callback()

    def close(self) -> None:
        """Stop watching."""
        self._watching.cancel()

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._has_left = True
        for callback in self._callbacks:
            callback()


async def send_answer(
    answer: Answer,
    scope: Scope,
    send: Send,
    *,
    resources: Resources | None = None,
    disconnect: DisconnectWatch | None = None,
) -> None:
    """Send an answer; a streamed body needs the resources, and `disconnect` to watch its client.

    Of a streamed body, the first piece is in hand before the status is sent: an error before it is
    raised as itself, with nothing sent. A later one raises BrokenStreamError, which aborts the
    connection. A client that leaves ends the queries at once.
    """
    headers = [(name.encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
    start: Message = {"type": "http.response.start", "status": answer.status, "headers": headers}
    try:
        if isinstance(answer.body, bytes):
            if answer.status not in _WITHOUT_BODY and "content-length" not in answer.headers:
                headers.append((b"content-length", str(len(answer.body)).encode()))
            await send(start)
            body = b"" if scope["method"] == "HEAD" else answer.body
            await send({"type": "http.response.body", "body": body})
        elif resources is None or disconnect is None:
            raise TypeError("a streamed body needs resources and the client's disconnect watch")
        else:
            await _stream(answer.body, start, send, resources, disconnect)
    finally:
        if disconnect is not None:
            disconnect.close()


async def _stream(
    body: StreamedBody,
    start: Message,
    send: Send,
    resources: Resources,
    disconnect: DisconnectWatch,
) -> None:
    pipe = Pipe(
        spool_dir=resources.spools.folder,
        spool_bytes=resources.slow_reader_bytes,
        chunk_bytes=resources.chunk_bytes,
    )
    disconnect.then(pipe.leave)
    producer = threading.Thread(target=_produce, args=(body, pipe), name="producer", daemon=True)
    producer.start()
    try:
        await _send_streamed(body, pipe, start, send)
    finally:
        body.allowance.cancel()
        pipe.leave()


async def _send_streamed(body: StreamedBody, pipe: Pipe, start: Message, send: Send) -> None:
    complete = False
    beginning = asyncio.create_task(asyncio.to_thread(_stored, body.begin))
    try:
        await pipe.ready()
        if not await beginning:
            kept = [pair for pair in start["headers"] if pair[0] != b"download-id"]
            start = {**start, "headers": kept}
        await send(start)
        try:
            async for chunk in pipe.chunks():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except PenstockError as error:
            if not isinstance(error, ScanCancelledError):
                _log.warning("download aborted: %s", error.code)
            raise BrokenStreamError from error
        except Exception as error:
            _log.error("download aborted: %s", code_path(error))
            raise BrokenStreamError from error
        if pipe.has_left:
            raise BrokenStreamError
        await asyncio.to_thread(_stored, body.complete)
        complete = True
        await send({"type": "http.response.body", "body": b""})
    finally:
        if not complete:
            # What is stored last stays: the beginning must not come behind the end.
            await asyncio.wait([beginning])
            await asyncio.to_thread(_stored, body.aborted)


def _stored(store: Callable[[], None]) -> bool:
    """Have a receipt stored; a download doesn't depend on whether it can be."""
    try:
        store()
    except BusyError as error:
        _log.warning("receipt not stored: %s", error.code)
        return False
    return True


def _produce(body: StreamedBody, pipe: Pipe) -> None:
    error: BaseException | None = None
    pieces: Iterator[bytes] = iter(())
    try:
        pieces = body.pieces(pipe)
        try:
            for piece in pieces:
                pipe.put(piece)
                del piece
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()
    except BaseException as caught:  # noqa: BLE001 - it is raised on the connection's side
        error = caught
        traceback.clear_frames(caught.__traceback__)
    pipe.end(error)
    # The traceback holds this frame: together they would be left to the collector of cycles.
    del body, pipe, pieces, error
