"""What a Redis may answer, well and badly: nothing of it is kept for long, or waited for."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.redis_parts import PATIENCE_SECONDS, redis_server

from penstock.errors import BusyError, SetupError
from penstock.signals.redis_connection import (
    FAULTS,
    RedisConnection,
    RedisRefusedError,
    reason_of,
)
from penstock.signals.redis_place import RedisPlace

MESSAGE = b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$%d\r\n%b\r\n"


@contextmanager
def answering(*pieces: bytes, ends: bool = False) -> Iterator[RedisPlace]:
    """Serve one connection that says these pieces, whatever it is asked; `ends` closes it then."""
    is_over = threading.Event()

    def serve(listening: socket.socket) -> None:
        taken, _ = listening.accept()
        with taken, suppress(OSError):
            for piece in pieces:
                taken.sendall(piece)
            if not ends:
                is_over.wait(PATIENCE_SECONDS)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        try:
            yield RedisPlace(host="127.0.0.1", port=listening.getsockname()[1])
        finally:
            is_over.set()
            # One that nobody connected to still waits.
            with suppress(OSError):
                socket.create_connection(listening.getsockname()).close()
            thread.join(PATIENCE_SECONDS)


@contextmanager
def connected(place: RedisPlace, *, seconds: float = 0.2) -> Iterator[RedisConnection]:
    connection = RedisConnection(place, seconds=seconds)
    try:
        yield connection
    finally:
        connection.close()


def all_of(connection: RedisConnection, count: int) -> list[bytes]:
    found: list[bytes] = []
    while len(found) < count:
        come = connection.messages(PATIENCE_SECONDS)
        assert come is not None
        found += come
    return found


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=20), st.integers(1, 50))
def test_messages_are_read_however_they_are_cut(bodies: list[bytes], size: int) -> None:
    whole = b"".join(MESSAGE % (len(body), body) for body in bodies)
    pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
    with answering(*pieces) as place, connected(place, seconds=PATIENCE_SECONDS) as connection:
        assert all_of(connection, len(bodies)) == bodies


@given(st.binary(max_size=400))
def test_whatever_is_said_is_messages_or_a_fault(said: bytes) -> None:
    with answering(said, ends=True) as place, connected(place) as connection, suppress(*FAULTS):
        while connection.messages(PATIENCE_SECONDS) is not None:
            pass


@pytest.mark.parametrize(
    "said",
    [
        b"*1000000000\r\n",
        b"*-5\r\n",
        b"$x\r\n",
        b":one\r\n",
        b"?\r\n",
        b"+" + b"x" * 100_000,
        b"*2\r\n*2\r\n",
        b"*1\r\n",
        b"$5\r\nab",
        b"$99999999999\r\nab",
    ],
)
def test_an_answer_that_is_none_or_never_ends_is_a_fault(said: bytes) -> None:
    with answering(said) as place, connected(place) as connection, pytest.raises(FAULTS):
        connection.messages(PATIENCE_SECONDS)


def test_a_long_text_is_read_and_an_endless_one_a_fault() -> None:
    long = b"x" * 3_000_000
    said = MESSAGE % (len(long), long) + MESSAGE % (3, b"end")
    with answering(said) as place, connected(place, seconds=PATIENCE_SECONDS) as connection:
        assert all_of(connection, 2) == [long, b"end"]
    endless = b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$40000000\r\n"
    with (
        answering(endless, *[long] * 13) as place,
        connected(place, seconds=PATIENCE_SECONDS) as connection,
        pytest.raises(ConnectionError),
    ):
        connection.messages(PATIENCE_SECONDS)


def test_silence_is_no_fault_and_gives_nothing() -> None:
    with answering() as place, connected(place) as connection:
        assert connection.messages(0.05) is None


def test_an_answer_to_a_ping_is_a_sign_of_life_and_no_message() -> None:
    with answering(b"*2\r\n$4\r\npong\r\n$0\r\n\r\n") as place, connected(place) as connection:
        connection.ping()
        assert connection.messages(PATIENCE_SECONDS) == []


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"-WRONGPASS invalid username-password pair\r\n", "WRONGPASS"),
        (b"-ERR a word of the server's\r\n", "ERR"),
        (b"-a secret\r\n", "refused"),
    ],
)
def test_of_a_refusal_the_code_alone_is_told(said: bytes, reason: str) -> None:
    with answering(said) as place, connected(place) as connection:
        with pytest.raises(RedisRefusedError) as raised:
            connection.subscribe("c")
        assert reason_of(raised.value) == reason


def test_who_waits_can_be_interrupted() -> None:
    with answering() as place, connected(place) as connection:
        waiting = threading.Thread(target=connection.interrupt)
        waiting.start()
        with pytest.raises(FAULTS):
            connection.messages(PATIENCE_SECONDS)
        waiting.join(PATIENCE_SECONDS)


@pytest.mark.parametrize(
    "place",
    [
        RedisPlace(host="127.0.0.1", port=1),
        RedisPlace(host="x" * 70 + ".example"),
        RedisPlace(host="nobody.invalid"),
        RedisPlace(host="a\0b"),
        RedisPlace(socket_file=Path("/a\0b")),
        RedisPlace(socket_file=Path("/nowhere/r.sock")),
        RedisPlace(socket_file=Path("/" + "long" * 100)),
    ],
)
def test_a_place_where_nothing_is_is_a_fault(place: RedisPlace) -> None:
    with pytest.raises(FAULTS) as raised:
        RedisConnection(place, seconds=1)
    assert "127.0.0.1" not in reason_of(raised.value)


def test_reasons_are_short_and_name_nothing_of_a_place() -> None:
    assert reason_of(BusyError("Parameter Store fails.", retry_after_seconds=1)) == "busy"
    assert reason_of(SetupError("There is no parameter.")) == "There is no parameter"
    assert reason_of(ConnectionRefusedError(111, "to cache.example")) == "ConnectionRefusedError"


def test_a_real_server_takes_what_is_sent_and_sends_it_on(tmp_path: Path) -> None:
    bodies = [bytes([number]) * number for number in range(200)]
    with redis_server(tmp_path) as server:
        hearing, telling = server.connection(), server.connection()
        hearing.subscribe("ä channel")
        telling.publish([("ä channel", body) for body in bodies])
        hearing.ping()
        assert all_of(hearing, len(bodies)) == bodies
        hearing.close()
        telling.close()
