"""Behind the Web Adapter, the app knows its invocation's limits as it does in our own loop."""

import asyncio
import json
import time
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from penstock.aws.runtime.adapter_context import adapted
from penstock.aws.runtime.function_url import BURST_BYTES

Headers = list[tuple[bytes, bytes]]


def seen(headers: Headers) -> Scope:
    """Give the scope that the app gets for a request with these headers."""
    given: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        given.append(scope)

    async def receive() -> Message:
        raise AssertionError

    async def send(_message: Message) -> None:
        raise AssertionError

    async def ask() -> None:
        await adapted(app)({"type": "http", "headers": headers}, receive, send)

    asyncio.run(ask())
    return given[0]


def context(**facts: Any) -> tuple[bytes, bytes]:
    return b"x-amzn-lambda-context", json.dumps(facts).encode()


def test_the_time_that_is_left_bounds_the_answer_and_the_invocation_has_its_names() -> None:
    told = context(
        request_id="r-1", deadline=int((time.time() + 42) * 1000), xray_trace_id="Root=1"
    )
    extensions = seen([told])["extensions"]
    assert 60_000_000 < extensions["penstock.wire_bytes"] <= 86_000_000
    assert extensions["penstock.request_id"] == "r-1"
    assert extensions["penstock.trace_id"] == "Root=1"


def test_the_adapters_headers_are_its_own() -> None:
    sent = [context(deadline=0), (b"x-amzn-request-context", b"{}"), (b"host", b"a.example")]
    assert seen(sent)["headers"] == [(b"host", b"a.example")]


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"x-amzn-lambda-context", b"{")],
        [(b"x-amzn-lambda-context", b"\xff")],
        [(b"x-amzn-lambda-context", b"[]")],
        [context()],
        [context(deadline="soon")],
        [context(deadline=10**15), context(deadline=10**15)],
        [context(deadline=0)],
    ],
)
def test_without_a_context_only_what_fits_in_no_time_is_sent(headers: Headers) -> None:
    assert seen(headers)["extensions"]["penstock.wire_bytes"] == BURST_BYTES
