"""An invocation is answered as it is made: whole, or broken off where everybody sees it."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.unit.aws.runtime.runtime_api_double import RuntimeApiDouble, event_of

from penstock.aws.runtime.answering import answer

PATIENCE_SECONDS = 20

START = {
    "type": "http.response.start",
    "status": 206,
    "headers": [
        (b"Content-Type", b"text/csv"),
        (b"vary", b"accept"),
        (b"vary", b"accept-encoding"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
    ],
}


def body(data: bytes, *, more: bool = False) -> dict[str, object]:
    return {"type": "http.response.body", "body": data, "more_body": more}


def bounded(work: Coroutine[Any, Any, None]) -> None:
    """Run it to its end, which is to come."""

    async def within() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await work

    asyncio.run(within())


async def whole(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send(START)
    await send(body(b"\0\xff" * 100_000, more=True))
    await send(body(b"end"))


async def answered(app: ASGIApp, double: RuntimeApiDouble) -> None:
    await double.events.put(event_of("/area.csv"))
    async with double.serving() as api:
        await answer(app, await api.next(), api)


def test_status_headers_cookies_and_every_byte_arrive() -> None:
    double = RuntimeApiDouble()
    bounded(answered(whole, double))
    (given,) = double.answers
    assert given.path == "/2018-06-01/runtime/invocation/request-1/response"
    assert given.headers["lambda-runtime-function-response-mode"] == "streaming"
    assert given.headers["content-type"] == "application/vnd.awslambda.http-integration-response"
    assert given.prelude == {
        "statusCode": 206,
        "headers": {"content-type": "text/csv", "vary": "accept, accept-encoding"},
        "cookies": ["a=1", "b=2"],
    }
    assert given.content == b"\0\xff" * 100_000 + b"end"
    assert (given.ended, given.trailers) == (True, {})
    assert given.largest <= 65_536


def test_an_answer_without_a_body_is_one() -> None:
    async def not_modified(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 304, "headers": []})
        await send(body(b""))

    double = RuntimeApiDouble()
    bounded(answered(not_modified, double))
    (given,) = double.answers
    assert (given.prelude["statusCode"], given.content, given.ended) == (304, b"", True)


def test_a_failure_before_the_first_byte_fails_the_invocation() -> None:
    async def failing(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(START)
        raise OSError("a secret")

    double = RuntimeApiDouble()
    bounded(answered(failing, double))
    (given,) = double.answers
    assert given.path == "/2018-06-01/runtime/invocation/request-1/error"
    assert given.headers["lambda-runtime-function-error-type"] == "Penstock.Failed"
    assert b"secret" not in given.body


@pytest.mark.parametrize("raises", [True, False], ids=["raises", "just ends"])
def test_a_failure_after_it_breaks_the_answer_off(raises: bool) -> None:  # noqa: FBT001 - a parameter of pytest's
    async def failing(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(START)
        await send(body(b"begun", more=True))
        if raises:
            raise OSError("a secret")

    double = RuntimeApiDouble()
    bounded(answered(failing, double))
    (given,) = double.answers
    assert given.content == b"begun"
    kind = "Penstock.Failed" if raises else "Penstock.Unfinished"
    assert given.trailers["lambda-runtime-function-error-type"] == kind
    assert given.error["errorType"] == kind
    assert "secret" not in given.error["errorMessage"]


def test_the_deadline_breaks_the_answer_off_before_the_function_is_stopped() -> None:
    async def endless(_scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(body(b"begun", more=True))
        await receive()
        await receive()

    double = RuntimeApiDouble()
    double.seconds = 1.2
    bounded(answered(endless, double))
    (given,) = double.answers
    assert given.error["errorType"] == "Penstock.DeadlineExceeded"


def test_the_app_hears_that_its_client_is_gone() -> None:
    heard: list[str] = []

    async def endless(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        leaving = asyncio.ensure_future(receive())
        await send(START)
        while not leaving.done():
            await send(body(b"x" * 65_536, more=True))
        heard.append((await leaving)["type"])

    double = RuntimeApiDouble(leaves_after=300_000)
    bounded(answered(endless, double))
    assert heard == ["http.disconnect"]
    assert not double.answers[0].ended


def test_one_invocation_after_another_leaves_nothing_behind() -> None:
    async def many() -> None:
        double = RuntimeApiDouble()
        async with double.serving() as api:
            for _ in range(20):
                await double.events.put(event_of("/area.csv"))
                await answer(whole, await api.next(), api)
            assert [given.ended for given in double.answers] == [True] * 20
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)

    bounded(many())


def test_a_time_out_of_the_apps_own_is_a_failure_like_any_other() -> None:
    async def failing(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise TimeoutError

    double = RuntimeApiDouble()
    bounded(answered(failing, double))
    assert double.answers[0].headers["lambda-runtime-function-error-type"] == "Penstock.Failed"


def test_a_reader_that_takes_nothing_does_not_outlast_the_deadline() -> None:
    async def endless(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(START)
        while True:
            await send(body(b"x" * 65_536, more=True))

    double = RuntimeApiDouble(stops_after=100_000)
    double.seconds = 1.2
    bounded(answered(endless, double))
    assert not double.answers[0].ended


def test_an_answer_that_is_not_taken_as_whole_ends_all_the_same() -> None:
    double = RuntimeApiDouble(refuses=True)
    bounded(answered(whole, double))
    assert [given.path.rpartition("/")[2] for given in double.answers] == ["response"]


def test_an_answer_larger_than_a_response_may_be_breaks_off() -> None:
    heard: list[str] = []

    async def endless(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        leaving = asyncio.ensure_future(receive())
        await send(START)
        while not leaving.done():
            await send(body(bytes(2_000_000), more=True))
        heard.append((await leaving)["type"])

    double = RuntimeApiDouble()
    bounded(answered(endless, double))
    (given,) = double.answers
    assert heard == ["http.disconnect"]
    assert 0 <= given.size - 200_000_000 < 1000
    assert given.error["errorType"] == "Penstock.TooLarge"


def test_an_event_that_is_no_request_fails_its_invocation_alone() -> None:
    async def two() -> None:
        double = RuntimeApiDouble()
        async with double.serving() as api:
            for event in ({"a": 1}, event_of("/area.csv")):
                await double.events.put(event)
                await answer(whole, await api.next(), api)
        assert [given.path.rpartition("/")[2] for given in double.answers] == ["error", "response"]

    bounded(two())


def test_the_app_is_told_what_its_invocation_allows() -> None:
    told: list[dict[str, Any]] = []

    async def asking(scope: Scope, receive: Receive, send: Send) -> None:
        told.append(dict(scope["extensions"]))
        await whole(scope, receive, send)

    double = RuntimeApiDouble()
    bounded(answered(asking, double))
    (extensions,) = told
    assert extensions["penstock.request_id"] == "request-1"
    assert extensions["penstock.trace_id"] == "Root=1-1"
    assert 6_000_000 < extensions["penstock.wire_bytes"] <= 62_000_000


def test_what_the_client_sent_reaches_the_app() -> None:
    received: list[bytes] = []

    async def asking(scope: Scope, receive: Receive, send: Send) -> None:
        received.append((await receive())["body"])
        await whole(scope, receive, send)

    async def posted() -> None:
        double = RuntimeApiDouble()
        async with double.serving() as api:
            for sent in ({"body": "é"}, {"body": "AP8=", "isBase64Encoded": True}, {}):
                await double.events.put(event_of("/") | sent)
                await answer(asking, await api.next(), api)

    bounded(posted())
    assert received == ["é".encode(), b"\0\xff", b""]
