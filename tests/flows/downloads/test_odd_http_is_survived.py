"""Requests that are no good HTTP, or never end: each is refused, and others are served."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pyarrow as pa
import pytest
from tests.flows.canaries import Asking, assert_clean, canaries_around
from tests.flows.raw_requests import ask_raw, everything_sent_back
from tests.flows.tenant_homes import store


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    with canaries_around(tmp_path_factory.mktemp("outside")) as running:
        yield running


@pytest.mark.parametrize(
    "line",
    [
        b"Range: bytes=' OR 1=1 --",
        b"Range: bytes=0-18446744073709551616",
        b"Range: bytes=-18446744073709551616",
        b"If-Range: ' OR 1=1",
        b"If-None-Match: ' OR 1=1 --",
        b'If-None-Match: "' + b"a" * 4000 + b'"',
        b"If-None-Match: " + b'"a",' * 1500,
        b"If-Modified-Since: ' OR 1=1",
        b"If-Modified-Since: Mon, 01 Jan 0000 00:00:00 GMT",
        b"If-Modified-Since: Mon, 01 Jan 99999999999999 00:00:00 GMT",
        b"If-Modified-Since: Mon, 01 Jan 2024 00:00:00 +9999",
        b"Accept-Encoding: ../../etc/passwd",
        b"Accept-Encoding: gzip;q=nan",
        b"Accept-Encoding: gzip;q=inf",
        b"Accept-Encoding: gzip;q=-1, zstd;q=1e308",
        b"Accept-Encoding: " + b"gzip," * 1500,
        b"Accept: " + b"text/html;q=0." + b"1" * 3000,
        b"Accept: */*;q=nan",
        b"Accept: \xff\xfe",
        b"Origin: null\x00",
        b"Cookie: " + b"a=b; " * 1000,
        b"User-Agent: () { :;}; echo vulnerable",
        b"User-Agent: ${jndi:ldap://127.0.0.1/a}",
        b"Transfer-Encoding: identity",
        b"Expect: 100-continue",
        b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk",
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        b"X: " + b"y" * 20_000,
        b"\r\n".join(b"X-%d: y" % n for n in range(500)),
    ],
    ids=lambda line: ascii(line)[2:50],
)
def test_a_strange_header_changes_nothing(asking: Asking, line: bytes) -> None:
    for target in (b"/area.csv", b"/area.parquet", b"/-/datasets.json", b"/no-such.csv"):
        answer = asking.raw(target, line + b"\r\n")
        if answer is not None:
            assert answer.status < 500, target
            assert answer.whole
    assert asking.is_well()


@pytest.mark.parametrize(
    ("length", "statuses"),
    [(8_100, {200}), (8_300, {414}), (30_000, {414}), (60_000, {414}), (1_000_000, {414, 400})],
)
def test_a_long_url_is_refused(asking: Asking, length: int, statuses: set[int]) -> None:
    target = b"/area.csv?name="
    answer = asking.raw(target + b"a" * (length - len(target)))
    if length < 100_000:
        assert answer is not None
    if answer is not None:
        assert answer.status in statuses
    path = asking.raw(b"/" + b"a" * length + b".csv")
    assert path is None or path.status in (404, 414, 400)
    assert asking.is_well()


@pytest.mark.parametrize(
    "query",
    [
        b"name=%ff",
        b"name=%c0%af",
        b"name=%ed%a0%80",
        b"name=%f4%90%80%80",
        b"name=\xff\xfe",
        b"%ff=1",
        b"name=%00",
        b"name=a%00b",
        b"%00=1",
        b"name%00=1",
        b"name=%",
        b"name=%2",
        b"name=%zz",
        b"name=%u0041",
        b"_select=%ff",
        b"_where=name='%00'",
    ],
)
def test_what_is_no_text_is_refused(asking: Asking, query: bytes) -> None:
    answer = asking.raw(b"/area.csv?" + query)
    assert answer is not None
    assert answer.status == 400


MALFORMED = [
    b"",
    b"\r\n",
    b"\x00",
    b"GET",
    b"GET\r\n\r\n",
    b"GET /area.csv\r\n\r\n",
    b"GET /area.csv HTTP\r\n\r\n",
    b"GET /area.csv HTTP/9.9\r\nHost: localhost\r\n\r\n",
    b"GET /area.csv HTTP/1.1 extra\r\nHost: localhost\r\n\r\n",
    b"GET  /area.csv  HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /area.csv\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /a rea.csv HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"get /area.csv HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"G\x00T /area.csv HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET area.csv HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET http:// HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET http://[::1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET http://localhost:99999999/area.csv HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET :///area.csv HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET ?name=oak HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET #x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /area.csv HTTP/1.1\r\nHost localhost\r\n\r\n",
    b"GET /area.csv HTTP/1.1\r\n: localhost\r\n\r\n",
    b"GET /area.csv HTTP/1.1\r\nHost: localhost\r\nA\x00B: c\r\n\r\n",
    b"GET /area.csv HTTP/1.1\r\nHost: localhost\r\nA: b\rc\r\n\r\n",
    b"GET /area.csv HTTP/1.1\nHost: localhost\n\n",
    b"GET /area.csv HTTP/1.1\rHost: localhost\r\r",
    b"GET /area.csv HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"GET /area.csv HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1e9\r\n\r\n",
    b"GET /area.csv HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    b"GET /area.csv HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /area.csv HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
    b"GET / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\xff" * 1000,
    b"A" * 100_000,
    b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
]


@pytest.mark.parametrize("request_bytes", MALFORMED, ids=lambda sent: ascii(sent)[2:50])
def test_malformed_http_is_refused_and_the_service_goes_on(
    asking: Asking, request_bytes: bytes
) -> None:
    received = everything_sent_back(asking.service.port, request_bytes, half_close=True)
    assert_clean(received)
    for status in (b"500", b"502", b"503"):
        assert not received.startswith(b"HTTP/1.1 " + status)
    assert asking.is_well()


def test_pipelined_requests_are_answered_in_their_order(asking: Asking) -> None:
    one = b"GET /area.csv?n=1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    two = b"GET /area.csv?n=2 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    bad = b"GET /area.csv?nope=2 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /area.csv?n=3 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    received = everything_sent_back(asking.service.port, one + two + bad + last)
    places = [received.index(text) for text in (b"ash,1", b"oak,2", b"unknown-parameter", b"elm,3")]
    assert places == sorted(places)
    assert received.count(b"HTTP/1.1 ") == 4


def test_the_body_of_a_request_is_no_request(asking: Asking) -> None:
    inner = b"GET /area.csv?n=3 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    outer = (
        b"GET /area.csv?n=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Content-Length: %d\r\n\r\n" % len(inner)
    )
    received = everything_sent_back(asking.service.port, outer + inner)
    assert b"elm" not in received
    assert received.count(b"HTTP/1.1 ") <= 1
    chunked = (
        b"POST /area.csv HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(inner), inner)
    )
    received = everything_sent_back(asking.service.port, chunked)
    assert b"elm" not in received
    assert received.count(b"HTTP/1.1 ") == 1


def test_a_body_that_never_ends_holds_nothing_up(asking: Asking) -> None:
    answer = ask_raw(
        asking.service.port,
        b"GET /area.csv HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\nabc",
    )
    assert answer is not None
    assert answer.status == 200
    assert answer.body.startswith(b"name,n,size\n")


def test_half_requests_do_not_keep_others_from_being_answered(asking: Asking) -> None:
    beginnings = [
        b"",
        b"G",
        b"GET /area.csv HTTP/1.1\r\n",
        b"GET /area.csv HTTP/1.1\r\nHost: localhost\r\nX: ",
        b"POST /area.csv HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n",
    ]
    with ExitStack() as stack:
        for place in range(200):
            connection = stack.enter_context(
                socket.create_connection(("127.0.0.1", asking.service.port), timeout=20)
            )
            connection.sendall(beginnings[place % len(beginnings)])
        assert all(asking.is_well() for _ in range(5))


def test_readers_that_never_read_do_not_keep_others_from_being_answered(asking: Asking) -> None:
    store(
        asking.outside / "home",
        "acme",
        "wide",
        pa.table({"text": [f"{n:0200}" for n in range(60_000)]}),
        row_group_rows=10_000,
    )
    with ExitStack() as stack:
        for _ in range(20):
            connection = stack.enter_context(
                socket.create_connection(("127.0.0.1", asking.service.port), timeout=20)
            )
            connection.sendall(b"GET /wide.csv HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert all(asking.is_well() for _ in range(5))
