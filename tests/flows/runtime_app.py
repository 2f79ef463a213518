"""A function of the tests: an app whose answers a test steers over a connection of its own."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

REPOSITORY = Path(__file__).parents[2]
PIECE = bytes(range(256)) * 256
COMMAND = (sys.executable, "-m", "penstock.aws.runtime.loop")

_Answer = Callable[[Scope, Receive, Send], Awaitable[None]]


def variables(handler: str = "serve") -> dict[str, str]:
    """Give the whole environment of a process that runs one of the handlers below."""
    name = f"{__name__}.{handler}"
    paths = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "src")])
    return {"_HANDLER": name, "PYTHONPATH": paths, "PATH": os.environ["PATH"]}


@contextmanager
def serve() -> Iterator[ASGIApp]:
    yield app


def failing() -> AbstractContextManager[ASGIApp]:
    raise OSError("what the log alone may tell")


def exiting() -> AbstractContextManager[ASGIApp]:
    os._exit(3)


def hanging() -> AbstractContextManager[ASGIApp]:
    os.read(os.pipe()[0], 1)
    return serve()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await ANSWERS[scope["path"]](scope, receive, send)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with what was asked, and everything that a start can hold."""
    body = (await receive())["body"]
    query = scope["query_string"]
    headers = dict(scope["headers"])
    own = [
        (b"content-type", b"application/octet-stream"),
        (b"set-cookie", b"a=1; Path=/"),
        (b"set-cookie", b"b=2"),
        (b"x-cookie", headers.get(b"cookie", b"")),
        (b"x-pid", str(os.getpid()).encode()),
    ]
    await _start(send, 206, own)
    await _more(send, query + b"\n" + body + PIECE)
    await _end(send)


async def gated(scope: Scope, receive: Receive, send: Send) -> None:
    """Send a piece for each byte that comes over the test's connection, and end with it."""
    reader, writer = await _steering(scope)
    await _start(send, 200)
    while await reader.read(1):
        await _more(send, b"piece")
    await _end(send)
    writer.close()


async def large(scope: Scope, receive: Receive, send: Send) -> None:
    """Send as many bytes as it is asked for."""
    left = int(_parameter(scope, "bytes"))
    await _start(send, 200)
    while left:
        piece = PIECE[:left]
        await _more(send, piece)
        left -= len(piece)
    await _end(send)


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    """Send until nobody listens; tells the test when that was."""
    _, writer = await _steering(scope)
    await receive()
    leaving = asyncio.ensure_future(receive())
    await _start(send, 200)
    while not leaving.done():
        await _more(send, PIECE)
    writer.write(b"stopped")
    writer.close()


async def patient(scope: Scope, receive: Receive, send: Send) -> None:
    """Send a piece, and then nothing until the time is over."""
    await _start(send, 200)
    await _more(send, b"begun")
    await asyncio.Event().wait()


async def stuck(scope: Scope, receive: Receive, send: Send) -> None:
    """Send a piece, and then let nothing else run in this process."""
    await _start(send, 200)
    await _more(send, b"begun")
    # What was handed over is to leave the process first.
    for _ in range(3):
        await asyncio.sleep(0)
    os.read(os.pipe()[0], 1)


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    """Fail, before or behind the first piece."""
    if _parameter(scope, "when") == "later":
        await _start(send, 200)
        await _more(send, b"begun")
    raise OSError("what the log alone may tell")


async def counts(scope: Scope, receive: Receive, send: Send) -> None:
    """Tell what this process has open: descriptors, tasks and resident kilobytes."""
    told = f"{_descriptors()} {len(asyncio.all_tasks())} {_resident_kilobytes()}"
    await _start(send, 200)
    await _more(send, told.encode())
    await _end(send)


async def empty(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer without a body, with the length that one would have."""
    await _start(send, 200, [(b"content-length", b"12345")])
    await _end(send)


ANSWERS: dict[str, _Answer] = {
    f"/{each.__name__}": each
    for each in (echo, gated, large, endless, patient, stuck, broken, counts, empty)
}


def _parameter(scope: Scope, name: str) -> str:
    query: bytes = scope["query_string"]
    return parse_qs(query.decode())[name][0]


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _resident_kilobytes() -> int:
    return int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0])


async def _steering(scope: Scope) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", int(_parameter(scope, "port")))


async def _start(send: Send, status: int, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers or []})


async def _more(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _end(send: Send) -> None:
    await send({"type": "http.response.body", "body": b""})
