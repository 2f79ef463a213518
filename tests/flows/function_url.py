"""A Function URL on this machine: HTTP in front of a function's own process, with AWS's limits."""

import asyncio
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO

from tests.flows.function_url_events import event_of

from penstock.aws.invoke.environment import INIT_SECONDS, Environment
from penstock.aws.invoke.prelude import Prelude, after_prelude
from penstock.aws.invoke.request import BrokenRequestError, Request
from penstock.aws.invoke.server import Answer
from penstock.aws.runtime.function_url import BURST_BYTES, BYTES_A_SECOND, MOST_BYTES
from penstock.errors import FunctionError

_START_SECONDS = 10
_WITHOUT_BODY = (204, 304)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What AWS allows, or what a test puts in its place."""

    seconds: float = 30.0
    """The function's time-out."""
    init_seconds: float = INIT_SECONDS
    most_bytes: int = MOST_BYTES
    burst_bytes: int = BURST_BYTES
    bytes_a_second: float = BYTES_A_SECOND
    tells_departure: bool = True
    """Whether the function can see that its client has left; else all of it is made for nobody."""


class FunctionUrl:
    """A running front at `url`; every process that it started ends with it."""

    def __init__(
        self,
        command: Sequence[str],
        variables: Mapping[str, str],
        limits: Limits,
        output: IO[bytes] | int | None,
    ) -> None:
        self.port = 0
        self.failures: list[FunctionError] = []
        """Every failure that a client saw, as Lambda would log it."""
        self._command = command
        self._variables = variables
        self._limits = limits
        self._output = output
        self._environments: list[Environment] = []
        self._idle: list[Environment] = []
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pids(self) -> list[int]:
        """The processes that run, the oldest first."""
        return [each.pid for each in self._environments]

    async def serve(self, started: threading.Event, stopped: asyncio.Event) -> None:
        """Serve until `stopped`."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await stopped.wait()
        server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        for each in self._environments:
            await each.stop()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await self._exchange(reader, writer)
        except (BrokenRequestError, OSError, asyncio.CancelledError):
            pass
        finally:
            self._serving.discard(task)
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = Request(reader, writer)
        await request.read_head()
        body = b"".join([piece async for piece in request.pieces()])
        address = writer.get_extra_info("peername")[0]
        event = event_of(request, body, address=address, request_id=str(uuid.uuid4()))
        environment = await self._environment()
        client = _Client(reader, writer, self._limits)
        answer: Answer | None = None
        try:
            answer = await environment.invoke(event, seconds=self._limits.seconds)
            prelude, pieces = await after_prelude(answer.pieces())
            await client.begin(prelude, method=request.method)
            await client.pass_on(pieces)
        except FunctionError as error:
            self.failures.append(error)
            await client.fail()
        finally:
            if answer is not None:
                answer.close()
            await self._give_back(environment)

    async def _environment(self) -> Environment:
        """Give one that is idle, else a new one: one process answers one request at a time."""
        while self._idle:
            idle = self._idle.pop()
            if idle.is_sound:
                return idle
            await self._end(idle)
        made = Environment(init_seconds=self._limits.init_seconds)
        await made.start(self._command, self._variables, self._output)
        self._environments.append(made)
        return made

    async def _give_back(self, environment: Environment) -> None:
        if environment.is_sound:
            self._idle.append(environment)
        else:
            await self._end(environment)

    async def _end(self, environment: Environment) -> None:
        self._environments.remove(environment)
        await environment.stop()


class _Client:
    """The connection to who asked; it leaves the framing to itself, as a Function URL does."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limits: Limits
    ) -> None:
        self._writer = writer
        self._limits = limits
        self._has_begun = self._is_chunked = self._has_body = False
        self._leaving = asyncio.ensure_future(reader.read(1))

    async def begin(self, prelude: Prelude, *, method: str) -> None:
        self._has_begun = True
        self._has_body = method != "HEAD" and prelude.status not in _WITHOUT_BODY
        self._is_chunked = self._has_body and "content-length" not in prelude.headers
        headers = [*prelude.headers.items(), *(("set-cookie", each) for each in prelude.cookies)]
        if self._is_chunked:
            headers.append(("transfer-encoding", "chunked"))
        lines = [f"HTTP/1.1 {prelude.status} -", *(f"{name}: {value}" for name, value in headers)]
        await self._send("\r\n".join([*lines, "connection: close", "", ""]).encode("latin-1"))

    async def pass_on(self, pieces: AsyncIterator[bytes]) -> None:
        """Send the body at the pace allowed; returns early if the client leaves."""
        sent, began = 0, time.monotonic()
        async for piece in self._until_departure(pieces):
            sent += len(piece)
            if sent > self._limits.most_bytes:
                self._writer.transport.abort()
                raise FunctionError("Function.ResponseSizeTooLarge", "cut at the most allowed")
            if self._has_body and not self._leaving.done():
                framed = b"%x\r\n%b\r\n" % (len(piece), piece) if self._is_chunked else piece
                await self._send(framed)
            paced_seconds = (sent - self._limits.burst_bytes) / self._limits.bytes_a_second
            if (early := paced_seconds - (time.monotonic() - began)) > 0:
                await asyncio.sleep(early)
        if self._is_chunked:
            await self._send(b"0\r\n\r\n")
        self._writer.close()

    async def fail(self) -> None:
        """Say so where nothing was said yet; break off where something was."""
        if self._has_begun:
            self._writer.transport.abort()
            return
        body = b'{"Message":"Internal Server Error"}'
        head = f"HTTP/1.1 502 -\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
        await self._send(head.encode() + b"\r\nconnection: close\r\n\r\n" + body)
        self._writer.close()

    async def _until_departure(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        if not self._limits.tells_departure:
            async for piece in pieces:
                yield piece
            return
        while True:
            coming = asyncio.ensure_future(anext(pieces, None))
            await asyncio.wait({coming, self._leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                coming.cancel()
                with suppress(asyncio.CancelledError, FunctionError):
                    await coming
                return
            taken = await coming
            if taken is None or self._leaving.done():
                return
            yield taken

    async def _send(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError:
            if self._limits.tells_departure:
                raise


@contextmanager
def function_url(
    command: Sequence[str],
    variables: Mapping[str, str],
    *,
    limits: Limits | None = None,
    output: IO[bytes] | int | None = None,
) -> Iterator[FunctionUrl]:
    """Serve a function, whose whole environment `variables` are, on a free port of loopback."""
    front = FunctionUrl(command, variables, limits or Limits(), output)
    loop = asyncio.new_event_loop()
    started, stopped = threading.Event(), asyncio.Event()
    thread = threading.Thread(
        target=lambda: loop.run_until_complete(front.serve(started, stopped)), name="function-url"
    )
    thread.start()
    try:
        assert started.wait(_START_SECONDS)
        yield front
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join()
        loop.close()
