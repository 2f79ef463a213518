"""An end that is not a whole answer is seen as such, and the next request works."""

import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from typing import IO

import pytest
from tests.flows import runtime_app
from tests.flows.function_url import FunctionUrl, function_url
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


def test_an_error_before_the_first_byte_is_a_502(front: FunctionUrl) -> None:
    exchange = ask(front.port, "/broken?when=sooner")
    assert (exchange.status, exchange.whole) == (502, True)
    assert b"log" not in exchange.body
    assert front.failures[-1].kind == "Penstock.Failed"


def test_an_error_after_it_breaks_the_answer_off(front: FunctionUrl) -> None:
    pids = front.pids
    exchange = ask(front.port, "/broken?when=later")
    assert (exchange.status, exchange.whole, exchange.body) == (200, False, b"begun")
    assert front.failures[-1].kind == "Penstock.Failed"
    assert ask(front.port, "/echo").whole
    assert front.pids == pids or not pids


def test_the_deadline_breaks_an_answer_off_and_the_process_goes_on() -> None:
    with serving(seconds=3) as front:
        exchange = ask(front.port, "/patient")
        assert (exchange.status, exchange.whole, exchange.body) == (200, False, b"begun")
        assert [each.kind for each in front.failures] == ["Penstock.DeadlineExceeded"]
        (pid,) = front.pids
        assert ask(front.port, "/echo").whole
        assert front.pids == [pid]


def test_a_process_that_misses_its_deadline_is_killed() -> None:
    with serving(seconds=1.5) as front:
        exchange = ask(front.port, "/stuck")
        assert (exchange.status, exchange.whole) == (200, False)
        assert [each.kind for each in front.failures] == ["Sandbox.Timedout"]
        assert ask(front.port, "/echo").whole


def test_a_killed_process_is_seen_as_an_abort_and_replaced(steering: socket.socket) -> None:
    with serving() as front:
        connection = Connection(front.port, f"/gated?port={port_of(steering)}")
        with steered(steering) as app:
            app.sendall(b"1")
            connection.take(1)
            (pid,) = front.pids
            os.kill(pid, signal.SIGKILL)
            exchange = connection.rest()
        assert (exchange.status, exchange.whole) == (200, False)
        assert b"piece".startswith(exchange.body)
        assert [each.kind for each in front.failures] == ["Runtime.TruncatedResponse"]
        assert ask(front.port, "/echo").whole
        assert pid not in front.pids


@pytest.mark.parametrize(
    ("handler", "kind"),
    [
        ("failing", "Penstock.InitFailed"),
        ("absent", "Penstock.InitFailed"),
        ("exiting", "Runtime.ExitError"),
        ("hanging", "Sandbox.InitTimedout"),
    ],
)
def test_a_function_that_does_not_begin_is_a_502(handler: str, kind: str) -> None:
    with serving(handler, init_seconds=PATIENCE_SECONDS if handler != "hanging" else 1.5) as front:
        exchange = ask(front.port, "/echo")
        assert (exchange.status, exchange.whole) == (502, True)
        assert [each.kind for each in front.failures] == [kind]


def test_a_function_that_fails_to_begin_ends_with_an_error() -> None:
    with tempfile.TemporaryFile() as log:
        with function_url(
            runtime_app.COMMAND, runtime_app.variables("failing"), output=log
        ) as front:
            assert ask(front.port, "/echo").status == 502
        assert "what the log alone may tell" in written(log)


def written(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read().decode()


def test_a_function_that_is_told_to_end_ends_cleanly() -> None:
    with socket.create_server(("127.0.0.1", 0)) as api:
        api.settimeout(PATIENCE_SECONDS)
        address = f"127.0.0.1:{port_of(api)}"
        process = subprocess.Popen(
            runtime_app.COMMAND,
            env={**runtime_app.variables(), "AWS_LAMBDA_RUNTIME_API": address},
        )
        try:
            asked, _ = api.accept()
            with asked:
                asked.settimeout(PATIENCE_SECONDS)
                assert asked.recv(1000).startswith(b"GET /2018-06-01/runtime/invocation/next ")
                process.terminate()
                assert process.wait(PATIENCE_SECONDS) == 0
        finally:
            process.kill()
            process.wait()


def test_an_answer_that_it_is_in_the_middle_of_breaks_off(steering: socket.socket) -> None:
    with serving() as front:
        connection = Connection(front.port, f"/gated?port={port_of(steering)}")
        with steered(steering) as app:
            app.sendall(b"1")
            connection.take(1)
            os.kill(front.pids[0], signal.SIGTERM)
            assert not connection.rest().whole
        assert [each.kind for each in front.failures] == ["Penstock.Stopped"]
        assert ask(front.port, "/echo").whole
