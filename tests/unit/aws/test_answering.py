"""An invocation is answered as it is made: whole, or broken off where everybody sees it."""

import asyncio

import pytest
from starlette.types import Receive, Scope, Send
from tests.unit.aws.runtime_api_double import RuntimeApiDouble, event_of

from penstock.aws.answering import answer, scope_of

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


async def whole(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send(START)
    await send(body(b"\0\xff" * 100_000, more=True))
    await send(body(b"end"))


async def answered(app: object, double: RuntimeApiDouble) -> None:
    await double.events.put(event_of("/area.csv"))
    async with double.serving() as api:
        await answer(app, await api.next(), api)  # type: ignore[arg-type] # an app of any kind


def test_status_headers_cookies_and_every_byte_arrive() -> None:
    double = RuntimeApiDouble()
    asyncio.run(answered(whole, double))
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
    asyncio.run(answered(not_modified, double))
    (given,) = double.answers
    assert (given.prelude["statusCode"], given.content, given.ended) == (304, b"", True)


def test_a_failure_before_the_first_byte_fails_the_invocation() -> None:
    async def failing(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(START)
        raise OSError("a secret")

    double = RuntimeApiDouble()
    asyncio.run(answered(failing, double))
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
    asyncio.run(answered(failing, double))
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
    asyncio.run(answered(endless, double))
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
    asyncio.run(answered(endless, double))
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
        await asyncio.wait_for(asyncio.gather(*others, return_exceptions=True), 5)

    asyncio.run(many())


def test_the_path_and_the_query_are_the_clients_own() -> None:
    event = event_of(
        "/caf%C3%A9%2F.csv", query="a=1&a=%2B+&b", headers={"X-Tenant-Host": "a.example"}
    )
    scope = scope_of(event)
    assert scope["raw_path"] == b"/caf%C3%A9%2F.csv"
    assert scope["path"] == "/café/.csv"
    assert scope["query_string"] == b"a=1&a=%2B+&b"
    assert scope["client"] == ("192.0.2.1", 0)
    assert [b"x-tenant-host", b"a.example"] in scope["headers"]
