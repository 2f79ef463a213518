"""A function's own process streams through the Runtime API what its app sends, as it sends it."""

import http.client
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.flows import runtime_app
from tests.flows.function_url import FunctionUrl
from tests.flows.raw_exchange import Connection, ask
from tests.flows.runtime_front import PATIENCE_SECONDS, listening, port_of, serving, steered


@pytest.fixture(scope="module")
def front() -> Iterator[FunctionUrl]:
    """Serve without any pace; the tests that use it leave their process as they found it."""
    with serving(bytes_a_second=1e12) as served:
        yield served


@pytest.fixture
def steering() -> Iterator[socket.socket]:
    with listening() as opened:
        yield opened


def answered(
    front: FunctionUrl, method: str, target: str, **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=PATIENCE_SECONDS)
    connection.request(method, target, headers=headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def test_the_first_byte_arrives_before_the_last_is_made(
    front: FunctionUrl, steering: socket.socket
) -> None:
    connection = Connection(front.port, f"/gated?port={port_of(steering)}")
    with steered(steering) as app:
        seen = b""
        for made in (1, 2, 3):
            app.sendall(b"1")
            while seen.count(b"piece") < made:
                seen = connection.take(len(seen) + 1)
            assert seen.count(b"piece") == made
        app.shutdown(socket.SHUT_WR)
        whole = connection.rest()
    assert (whole.body, whole.whole) == (b"piece" * 3, True)


def test_status_headers_cookies_query_and_binary_bytes_arrive(front: FunctionUrl) -> None:
    sent = "/echo?a=1&a=%2B+&b"
    response, body = answered(front, "GET", sent, Cookie="c=3; d=4")
    assert response.status == 206
    assert response.getheader("content-type") == "application/octet-stream"
    assert response.headers.get_all("set-cookie") == ["a=1; Path=/", "b=2"]
    assert response.getheader("x-cookie") == "c=3; d=4"
    assert body == b"a=1&a=%2B+&b\n" + runtime_app.PIECE


def test_a_body_reaches_the_app_as_bytes(front: FunctionUrl) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=PATIENCE_SECONDS)
    connection.request("POST", "/echo", body=b"\0\xff", headers={"Content-Type": "image/png"})
    assert connection.getresponse().read() == b"\n\0\xff" + runtime_app.PIECE
    connection.close()


def test_head_has_a_length_and_no_body(front: FunctionUrl) -> None:
    response, body = answered(front, "HEAD", "/empty")
    assert (response.getheader("content-length"), body) == ("12345", b"")


@pytest.mark.parametrize("size", [1, 65_535, 65_536, 65_537, 20_000_000])
def test_every_byte_arrives(front: FunctionUrl, size: int) -> None:
    exchange = ask(front.port, f"/large?bytes={size}")
    assert exchange.whole
    repeated = runtime_app.PIECE * (size // 65_536 + 1)
    assert exchange.body == repeated[:size]


def test_memory_stays_flat_over_190_megabytes(front: FunctionUrl) -> None:
    ask(front.port, "/large?bytes=20000000")
    (pid,) = front.pids
    before = peak_kilobytes(pid)
    connection = Connection(front.port, "/large?bytes=190000000", slow=True)
    assert connection.rest().whole
    assert front.pids == [pid]
    assert peak_kilobytes(pid) - before < 4_000


def peak_kilobytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def test_work_stops_when_its_client_leaves(front: FunctionUrl, steering: socket.socket) -> None:
    connection = Connection(front.port, f"/endless?port={port_of(steering)}", slow=True)
    with steered(steering) as app:
        connection.take(100_000)
        connection.leave()
        assert app.recv(7) == b"stopped"
    assert ask(front.port, "/echo").whole


def test_requests_at_once_have_a_process_each(steering: socket.socket) -> None:
    with serving() as front:
        connection = Connection(front.port, f"/gated?port={port_of(steering)}")
        with steered(steering) as app:
            assert ask(front.port, "/echo").whole
            assert len(front.pids) == 2
            app.shutdown(socket.SHUT_WR)
            assert connection.rest().whole


def test_hundreds_of_invocations_leave_nothing_behind(front: FunctionUrl) -> None:
    def counted() -> list[int]:
        return [int(each) for each in ask(front.port, "/counts").body.split()]

    for _ in range(20):
        ask(front.port, "/large?bytes=200000")
    before = counted()
    for _ in range(200):
        assert ask(front.port, "/large?bytes=200000").whole
    descriptors, tasks, resident = counted()
    assert (descriptors, tasks) == (before[0], before[1])
    assert resident - before[2] < 2_000


def test_the_front_cuts_what_is_larger_than_a_response_may_be() -> None:
    with serving(most_bytes=300_000) as front:
        assert ask(front.port, "/large?bytes=300000").whole
        exchange = ask(front.port, "/large?bytes=300001")
        assert not exchange.whole
        assert len(exchange.body) <= 300_000
        assert [each.kind for each in front.failures] == ["Function.ResponseSizeTooLarge"]


def test_the_front_paces_what_comes_after_the_burst() -> None:
    """What is sent is on its way before it has arrived: only more than that has to wait."""
    with serving(seconds=2, burst_bytes=500_000, bytes_a_second=1_000_000) as front:
        assert ask(front.port, "/large?bytes=500000").whole
        assert not ask(front.port, "/large?bytes=50000000").whole
        # The end can be told only if what is in its way gets through in time.
        (failure,) = front.failures
        assert failure.kind in {"Penstock.DeadlineExceeded", "Runtime.TruncatedResponse"}


def test_a_function_that_cannot_see_its_client_leave_works_to_its_end(
    steering: socket.socket,
) -> None:
    with serving(tells_departure=False) as front:
        connection = Connection(front.port, f"/gated?port={port_of(steering)}")
        with steered(steering) as app:
            app.sendall(b"1")
            connection.take(1)
            connection.leave()
            app.sendall(b"1" * 100)
            app.shutdown(socket.SHUT_WR)
            assert app.recv(1) == b""
        assert ask(front.port, "/echo").whole
        assert front.failures == []
