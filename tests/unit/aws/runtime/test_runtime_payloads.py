"""Events of a Function URL are read as they are, and its limits are kept."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.aws.runtime.runtime_api_double import event_of

from penstock.aws.invoke.prelude import Prelude, parse_prelude
from penstock.aws.runtime.function_url import prelude_of, scope_of, wire_bytes

HEADER_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"))


def test_the_path_and_the_query_are_the_clients_own() -> None:
    event = event_of(
        "/caf%C3%A9%2F.csv", query="a=1&a=%2B+&b", headers={"X-Tenant-Host": "a.example"}
    )
    scope = scope_of(event)
    assert scope["raw_path"] == b"/caf%C3%A9%2F.csv"
    assert scope["path"] == "/café/.csv"
    assert scope["query_string"] == b"a=1&a=%2B+&b"
    assert scope["client"] == ("192.0.2.1", 0)
    assert scope["server"] == ("abc.lambda-url.eu-west-1.on.aws", 443)
    assert (b"x-tenant-host", b"a.example") in scope["headers"]


def test_cookies_come_back_as_the_header_that_they_were() -> None:
    scope = scope_of(event_of("/") | {"cookies": ["a=1", "b=2"]})
    assert (b"cookie", b"a=1; b=2") in scope["headers"]


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-port": "http"},
        {"x-forwarded-port": "²"},
        {"x-forwarded-port": "9" * 5000},
        {"host": "a:b:c"},
        {"host": ""},
    ],
)
def test_headers_that_a_client_made_up_are_no_failure(headers: dict[str, str]) -> None:
    assert scope_of(event_of("/", headers=headers))["type"] == "http"


@given(path=st.text(), query=st.text())
def test_any_path_and_query_can_be_read(path: str, query: str) -> None:
    assert isinstance(scope_of(event_of(path, query=query))["path"], str)


@given(
    status=st.integers(100, 599),
    headers=st.dictionaries(st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True), HEADER_TEXT),
    cookies=st.lists(HEADER_TEXT),
)
def test_a_prelude_says_what_the_app_said(
    status: int, headers: dict[str, str], cookies: list[str]
) -> None:
    headers.pop("set-cookie", None)
    pairs = [*headers.items(), *(("Set-Cookie", cookie) for cookie in cookies)]
    raw = [(name.encode(), value.encode("latin-1")) for name, value in pairs]
    start: dict[str, Any] = {"type": "http.response.start", "status": status, "headers": raw}
    written = prelude_of(start)
    assert written.endswith(b"\0" * 8)
    assert written.count(0) == 8
    read = parse_prelude(written.removesuffix(b"\0" * 8))
    assert read == Prelude(status=status, headers=headers, cookies=tuple(cookies))


@pytest.mark.parametrize(
    ("seconds", "size"),
    [(-1, 6_000_000), (2, 6_000_000), (12, 26_000_000), (98.99, 199_980_000), (900, 200_000_000)],
)
def test_what_fits_follows_the_time_that_is_left(seconds: float, size: int) -> None:
    assert wire_bytes(seconds) == size
