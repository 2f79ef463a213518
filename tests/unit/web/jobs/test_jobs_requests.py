import asyncio
import json
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from penstock.errors import (
    BadRequestError,
    BodyError,
    BodyTooLargeError,
    MediaTypeError,
    PenstockError,
    QueryError,
)
from penstock.model.job_id import new_job_id
from penstock.model.job_state import STATES
from penstock.web.jobs.export_request import idempotency_key, wanted_export
from penstock.web.jobs.requests import (
    MOST_BODY_BYTES,
    after_seq,
    listed_jobs,
    read_body,
    socket_parameters,
)

texts = st.text(st.characters(exclude_characters="\0", codec="utf-8"))
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)


def request_of(*headers: tuple[str, str], body: bytes = b"") -> Request:
    sent = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    messages = [
        {"type": "http.request", "body": body[i : i + 1000], "more_body": True}
        for i in range(0, len(body), 1000)
    ]
    messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    return Request({"type": "http", "method": "POST", "headers": sent}, receive)


def body_of(*headers: tuple[str, str], body: bytes) -> bytes:
    return asyncio.run(read_body(request_of(*headers, body=body)))


@given(st.text(max_size=300).filter(lambda text: "\n" not in text and "\r" not in text))
def test_an_idempotency_key_is_visible_ascii_or_refused(text: str) -> None:
    try:
        request = request_of(("idempotency-key", text))
    except UnicodeEncodeError:
        return
    is_good = 0 < len(text) <= 255 and all("!" <= character <= "~" for character in text)
    if is_good:
        assert idempotency_key(request) == text
    else:
        with pytest.raises(BadRequestError):
            idempotency_key(request)


def test_two_idempotency_keys_are_refused_and_none_is_none() -> None:
    assert idempotency_key(request_of()) is None
    with pytest.raises(BadRequestError):
        idempotency_key(request_of(("idempotency-key", "a"), ("idempotency-key", "a")))


@pytest.mark.parametrize(
    "media_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_a_body_that_a_form_can_send_is_refused(media_type: str) -> None:
    with pytest.raises(MediaTypeError):
        body_of(("content-type", media_type), body=b"{}")


def test_a_body_is_read_up_to_its_limit() -> None:
    header = ("content-type", "application/json; charset=utf-8")
    whole = b" " * MOST_BODY_BYTES
    assert body_of(header, body=whole) == whole
    with pytest.raises(BodyTooLargeError):
        body_of(header, body=whole + b" ")
    with pytest.raises(BodyTooLargeError):
        body_of(header, ("content-length", str(MOST_BODY_BYTES + 1)), body=b"")


@given(
    st.dictionaries(texts, json_values, max_size=4), st.lists(st.sampled_from("ab"), max_size=20)
)
def test_a_body_of_the_right_shape_is_read_as_it_is(
    params: dict[str, Any], formats: list[str]
) -> None:
    body = {"type": "customers", "params": params, "formats": formats}
    read = wanted_export(json.dumps(body).encode())
    assert (read.type, read.params, read.formats) == ("customers", params, formats)


@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_no_body_comes_to_anything_but_a_request_or_a_fault_of_it(content: bytes) -> None:
    with suppress(BodyError):
        assert len(wanted_export(content).type) <= 100


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"[]", None),
        (b'{"type": 1}', "type"),
        (b'{"type": "a", "params": []}', "params"),
        (b'{"type": "a", "formats": "csv"}', "formats"),
        (b'{"type": "a", "formats": [1]}', "formats.0"),
        (b'{"type": "a", "more": 1}', "more"),
        (b'{"params": {}}', "type"),
        (b'{"type": "a", "type": "b"}', None),
        (b'{"type": "a", "params": {"x": NaN}}', None),
        (b'{"type": "a", "params": {"x": [1e999]}}', None),
        (b'{"type": "a", "params": {"x": ["\\ud800"]}}', None),
        (b'{"type": "a", "params": {"\\u0000": 1}}', None),
        (b'{"type": "a", "params": {"x": ' + b"[" * 30 + b"]" * 30 + b"}}", None),
        (b'{"type": "a", "params": ' + b"[" * 5000 + b"]" * 5000 + b"}", None),
    ],
)
def test_a_fault_of_a_body_names_its_field(content: bytes, field: str | None) -> None:
    with pytest.raises(BodyError) as raised:
        wanted_export(content)
    assert raised.value.facts.get("field") == field


@given(st.text(max_size=60).map(lambda text: quote(text, safe="=&:").encode()))
def test_parameters_of_lists_and_sockets_come_to_values_or_faults_of_the_query(
    query: bytes,
) -> None:
    for read in (listed_jobs, after_seq, socket_parameters):
        with suppress(QueryError):
            read(query)


def test_a_list_is_asked_for_by_kind_state_limit_and_cursor() -> None:
    cursor = new_job_id()
    query = f"kind=export&state=FAILED&limit=7&cursor={cursor}".encode()
    read = listed_jobs(query)
    assert (read.kind, read.state, read.limit, read.before) == ("export", "FAILED", 7, cursor)
    assert listed_jobs(b"").limit == 20


@pytest.mark.parametrize(
    "query",
    [b"limit=0", b"limit=101", b"limit=x", b"kind=exports", b"state=failed", b"cursor=1", b"a=b"],
)
def test_other_values_and_names_are_refused(query: bytes) -> None:
    with pytest.raises(PenstockError) as raised:
        listed_jobs(query)
    assert raised.value.facts["parameter"]


def test_a_socket_says_behind_which_event_of_each_job_it_goes_on() -> None:
    first, second = new_job_id(), new_job_id()
    query = f"ticket=t&after={first}:5&after={second}:0&after={first}:3".encode()
    assert socket_parameters(query) == ("t", {first: 5, second: 0})
    many = "&".join(f"after={new_job_id()}:1" for _ in range(51))
    with pytest.raises(QueryError):
        socket_parameters(many.encode())


def test_every_state_can_be_asked_for() -> None:
    for state in STATES:
        assert listed_jobs(f"state={state}".encode()).state == state
