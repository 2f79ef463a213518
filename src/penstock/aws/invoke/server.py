"""Server: Lambda's Runtime API for one local process: invocations out, answers in."""

import asyncio
import base64
import binascii
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus

from penstock.aws.invoke.request import BrokenRequestError, Request
from penstock.aws.runtime.api import API_PATH, ERROR_BODY, ERROR_TYPE
from penstock.errors import FunctionError


class Answer:
    """What a process answers to one invocation; to be read to its end, or closed."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.content_type = request.headers.get("content-type", "")
        self.closed = asyncio.Event()
        self.was_cut = False
        """Whether the connection broke in its middle."""
        self.cut_by: FunctionError | None = None
        """Why it did, where that is known better than from the connection."""

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the bytes as they come, read only when asked for; closes the answer.

        Raises FunctionError behind the last one if the answer broke off.
        """
        try:
            async for piece in self._request.pieces():
                yield piece
            with suppress(BrokenRequestError):
                await self._request.respond(HTTPStatus.ACCEPTED)
        except BrokenRequestError as error:
            self.was_cut = True
            reason = self.cut_by or FunctionError("Runtime.TruncatedResponse", str(error))
            raise reason from error
        finally:
            self.close()
        kind = self._request.trailers.get(ERROR_TYPE.lower())
        if kind is not None:
            raise _failure(kind, _decoded(self._request.trailers.get(ERROR_BODY.lower(), "")))

    def close(self) -> None:
        """Take no more of it: whoever still sends finds the connection closed."""
        self.closed.set()


@dataclass(kw_only=True)
class Offer:
    """An invocation for a process to take; the time that it has begins when it does.

    `answered` gives the answer when it begins, or raises FunctionError.
    """

    request_id: str
    event: bytes
    seconds: float
    headers: Mapping[str, str]
    answered: "asyncio.Future[Answer]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class RuntimeApiServer:
    """Tells `on_ready` when the process asks for work, and `on_taken` when it gets some."""

    def __init__(self, *, on_ready: Callable[[], None], on_taken: Callable[[Offer], None]) -> None:
        self._on_ready = on_ready
        self._on_taken = on_taken
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._offers: asyncio.Queue[Offer] = asyncio.Queue(1)
        self._current: Offer | None = None
        self._init_failure: FunctionError | None = None

    async def start(self) -> str:
        """Listen on a free port of loopback; gives `host:port`."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    async def stop(self) -> None:
        """Drop every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def offer(self, offer: Offer) -> None:
        """Have the process answer it, when it asks for work."""
        await self._offers.put(offer)
        self._fail_to_begin()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served outside of a task")
        self._serving.add(task)
        try:
            request = Request(reader, writer)
            await request.read_head()
            await self._serve(request)
            writer.close()
        except BrokenRequestError:
            pass
        except asyncio.CancelledError:
            # Only stop() cancels it; a cancelled handler would be reported by the event loop.
            pass
        finally:
            self._serving.discard(task)
            if not writer.is_closing():
                writer.transport.abort()

    async def _serve(self, request: Request) -> None:
        match request.method, request.path.removeprefix(API_PATH).split("/"):
            case "GET", ["invocation", "next"]:
                await self._give_next(request)
            case "POST", ["init", "error"]:
                self._init_failure = await _reported(request)
                self._fail_to_begin()
            case "POST", ["invocation", request_id, "error"] if self._awaits(request_id):
                self._settle(await _reported(request))
            case "POST", ["invocation", request_id, "response"] if self._awaits(request_id):
                answer = Answer(request)
                self._settle(answer)
                await answer.closed.wait()
            case _:
                await request.respond(HTTPStatus.BAD_REQUEST)

    async def _give_next(self, request: Request) -> None:
        self._settle(FunctionError("Runtime.NoResponse", "the invocation was not answered"))
        self._current = None
        self._on_ready()
        offer = await self._offers.get()
        self._current = offer
        self._on_taken(offer)
        deadline = int((time.time() + offer.seconds) * 1000)
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": offer.request_id,
            "Lambda-Runtime-Deadline-Ms": str(deadline),
            **offer.headers,
        }
        await request.respond(HTTPStatus.OK, headers, offer.event)

    def _fail_to_begin(self) -> None:
        if self._init_failure is not None and not self._offers.empty():
            self._offers.get_nowait().answered.set_exception(self._init_failure)

    def _awaits(self, request_id: str) -> bool:
        current = self._current
        return (
            current is not None and current.request_id == request_id and not current.answered.done()
        )

    def _settle(self, outcome: Answer | FunctionError) -> None:
        if self._current is None or self._current.answered.done():
            return
        if isinstance(outcome, Answer):
            self._current.answered.set_result(outcome)
        else:
            self._current.answered.set_exception(outcome)


async def _reported(request: Request) -> FunctionError:
    body = b"".join([piece async for piece in request.pieces()])
    await request.respond(HTTPStatus.ACCEPTED)
    return _failure(request.headers.get(ERROR_TYPE.lower()), body)


def _decoded(described: str) -> bytes:
    try:
        return base64.b64decode(described)
    except binascii.Error:
        return b""


def _failure(kind: str | None, described: bytes) -> FunctionError:
    """Read a report of a failure; one that can't be read is a failure all the same."""
    try:
        said = json.loads(described)
        kind = kind or str(said["errorType"])
        message = str(said["errorMessage"])
    except (ValueError, KeyError, TypeError):
        message = "the function failed"
    return FunctionError(kind or "Runtime.UnknownReason", message)
