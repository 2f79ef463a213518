"""The loop begins once, answers for as long as it is asked, and ends when it is told to."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NoReturn

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.unit.aws.runtime.runtime_api_double import RuntimeApiDouble, event_of

from penstock.aws.runtime.api import RuntimeApi
from penstock.aws.runtime.loop import handler_named, run
from penstock.errors import SetupError

PATIENCE_SECONDS = 20


def bounded(work: Coroutine[Any, Any, int]) -> int:
    async def within() -> int:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await work

    return asyncio.run(within())


class Composed:
    """A handler that tells how often it was begun and ended."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.begun = self.ended = 0

    @contextmanager
    def __call__(self) -> Iterator[ASGIApp]:
        self.begun += 1
        try:
            yield self._app
        finally:
            self.ended += 1


def answering(traces: list[str], each: Callable[[], None]) -> ASGIApp:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        traces.append(os.environ["_X_AMZN_TRACE_ID"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"whole"})
        each()

    return app


def test_it_composes_once_and_answers_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "")
    traces: list[str] = []

    async def serve() -> int:
        done = asyncio.Semaphore(0)
        composed = Composed(answering(traces, done.release))
        double = RuntimeApiDouble()
        async with double.serving() as api:
            running = asyncio.create_task(run(composed, api))
            for _ in range(3):
                await double.events.put(event_of("/area.csv"))
                await done.acquire()
            running.cancel()
            await asyncio.wait([running])
        assert (composed.begun, composed.ended) == (1, 1)
        assert [given.content for given in double.answers] == [b"whole"] * 3
        return 0

    bounded(serve())
    assert traces == ["Root=1-1", "Root=1-2", "Root=1-3"]


@pytest.mark.parametrize(
    "event",
    [b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}", b"9" * 5000, b"{", b"\xff", b""],
    ids=["nested", "many digits", "half", "no text", "nothing"],
)
def test_an_event_that_can_not_be_read_fails_alone(
    monkeypatch: pytest.MonkeyPatch, event: bytes
) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "")
    traces: list[str] = []

    async def serve() -> int:
        done = asyncio.Event()
        double = RuntimeApiDouble()
        async with double.serving() as api:
            running = asyncio.create_task(run(Composed(answering(traces, done.set)), api))
            await double.events.put(event)
            await double.events.put(event_of("/area.csv"))
            await done.wait()
            running.cancel()
            await asyncio.wait([running])
        failed, answered = double.answers
        assert failed.path == "/2018-06-01/runtime/invocation/request-1/error"
        assert failed.headers["lambda-runtime-function-error-type"] == "Penstock.Unreadable"
        assert answered.content == b"whole"
        return 0

    bounded(serve())
    assert traces == ["Root=1-2"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SetupError("There is no bucket."), "There is no bucket."),
        (OSError("a secret"), "its log says why"),
    ],
)
def test_a_function_that_can_not_begin_says_so_and_ends(error: Exception, said: str) -> None:
    def failing() -> AbstractContextManager[ASGIApp]:
        raise error

    async def serve() -> int:
        double = RuntimeApiDouble()
        async with double.serving() as api:
            code = await run(failing, api)
        (given,) = double.answers
        assert given.path == "/2018-06-01/runtime/init/error"
        assert given.headers["lambda-runtime-function-error-type"] == "Penstock.InitFailed"
        assert said.encode() in given.body
        assert b"secret" not in given.body
        return code

    assert bounded(serve()) == 1


def test_a_function_without_a_runtime_api_ends_with_an_error() -> None:
    composed = Composed(answering([], lambda: None))
    assert bounded(run(composed, RuntimeApi("127.0.0.1:1"))) == 1
    assert composed.ended == 1


def test_a_handler_is_found_as_the_managed_runtime_finds_it() -> None:
    found: object = handler_named("penstock.aws.runtime.loop.handler_named")
    assert found is handler_named


@pytest.mark.parametrize(
    "name", ["", "download", "no.such.module", "penstock.aws.runtime.loop.absent"]
)
def test_a_handler_that_is_not_there_is_a_clear_error(name: str) -> None:
    def refused() -> NoReturn:
        handler_named(name)
        raise AssertionError

    with pytest.raises(SetupError, match="can't be imported"):
        refused()
