"""Hints by way of a real Redis: who hears what, and what comes of a bad one."""

import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.redis_parts import (
    PATIENCE_SECONDS,
    QUICK,
    RedisServer,
    a_hint,
    hanging_server,
    hearing,
    redis_server,
    signals_by,
)

from penstock.errors import SetupError
from penstock.signals.redis_place import RedisPlace, redis_place
from penstock.signals.redis_signals import RedisSignals
from penstock.signals.wire import body_of, channel_of

SECRET = "s3cret-of-redis"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


def test_everybody_who_hears_is_told_and_other_audiences_are_not(server: RedisServer) -> None:
    with (
        signals_by(server.url, scope="a") as telling,
        signals_by(server.url, scope="a") as elsewhere,
        hearing(telling, "workers") as one,
        hearing(elsewhere, "workers") as other,
        hearing(elsewhere, "watchers") as watcher,
    ):
        telling.tell("workers", a_hint(1))
        telling.tell("watchers", a_hint(2))
        for ear in (one, other):
            ear.until_all_of([a_hint(1)])
        watcher.until_all_of([a_hint(2)])
        assert a_hint(2) not in [*one.heard, *other.heard]
        assert a_hint(1) not in watcher.heard


def test_installations_on_one_redis_do_not_meet(server: RedisServer) -> None:
    with (
        signals_by(server.url, scope="home-a") as ours,
        signals_by(server.url, scope="home-b") as theirs,
        hearing(theirs, "workers") as ear,
    ):
        ours.tell("workers", a_hint(1))
        with hearing(ours, "workers") as own:
            ours.tell("workers", a_hint(2))
            own.until_all_of([a_hint(2)])
        theirs.tell("workers", a_hint(3))
        ear.until_all_of([a_hint(3)])
        assert ear.heard == [None, a_hint(3)]


def test_a_thousand_hints_are_all_heard(server: RedisServer) -> None:
    hints = [a_hint(number) for number in range(1000)]
    with signals_by(server.url, scope="many") as signals, hearing(signals, "watchers") as ear:
        for hint in hints:
            signals.tell("watchers", hint)
        ear.until_all_of(hints)


def test_the_same_hint_goes_out_once_as_long_as_it_waits(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server, signals_by(server.url) as signals:
        with hearing(signals, "workers") as ear:
            server.stop()
            for _ in range(5000):
                signals.tell("workers", a_hint(1))
            server.start()
            # It may go out before anybody hears again: whoever does begins with a look.
            ear.until(lambda heard: heard.count(None) > 1)
            signals.tell("workers", a_hint(2))
            ear.until_all_of([a_hint(2)])
        assert ear.heard.count(a_hint(1)) <= 2  # perhaps one was under way already


def test_who_hears_no_more_is_told_nothing(server: RedisServer) -> None:
    with signals_by(server.url, scope="ended") as signals, hearing(signals, "workers") as ear:
        with hearing(signals, "workers") as ended:
            pass
        signals.tell("workers", a_hint(1))
        ear.until_all_of([a_hint(1)])
        assert a_hint(1) not in ended.heard


def test_connections_and_threads_go_with_those_who_hear(server: RedisServer) -> None:
    with signals_by(server.url, scope="threads") as signals:
        for _ in range(50):
            with hearing(signals, "workers"):
                pass
    ends = time.monotonic() + PATIENCE_SECONDS
    for thread in threading.enumerate():
        if thread.name in ("hints-in", "hints-out"):
            thread.join(max(0.0, ends - time.monotonic()))
            assert not thread.is_alive()


def test_a_restarted_redis_is_come_back_to_with_a_look(tmp_path: Path) -> None:
    said: list[str] = []
    with (
        redis_server(tmp_path) as server,
        signals_by(server.url, report=said.append) as signals,
        hearing(signals, "workers") as ear,
    ):
        signals.tell("workers", a_hint(1))
        ear.until_all_of([a_hint(1)])
        server.stop()
        signals.tell("workers", a_hint(2))
        server.start()
        ear.until(lambda heard: heard.count(None) > 1)
        ear.until_all_of([a_hint(1)])
        signals.tell("workers", a_hint(3))
        ear.until_all_of([a_hint(3)])
    assert len(said) <= 2  # one for hearing, one for telling
    assert all("jobs go on" in line for line in said)


def test_hints_go_out_also_where_each_wants_a_connection_of_its_own(server: RedisServer) -> None:
    never_kept = replace(QUICK, idle_seconds=0)
    with (
        signals_by(server.url, scope="idle", pace=never_kept) as signals,
        hearing(signals, "workers") as ear,
    ):
        for number in range(20):
            signals.tell("workers", a_hint(number))
            ear.until_all_of([a_hint(number)])


def test_a_redis_that_falls_silent_is_noticed_and_come_back_to(tmp_path: Path) -> None:
    is_said = threading.Event()
    with (
        redis_server(tmp_path) as server,
        signals_by(server.url, report=lambda _: is_said.set()) as signals,
        hearing(signals, "workers") as ear,
    ):
        with server.frozen():
            assert is_said.wait(PATIENCE_SECONDS)
        ear.until(lambda heard: heard.count(None) > 1)
        signals.tell("workers", a_hint(1))
        ear.until_all_of([a_hint(1)])


def test_garbage_is_passed_over(server: RedisServer) -> None:
    channel = channel_of("garbage", "workers")
    bodies = [
        b"",
        b"\0" * 99,
        b"\xff\xfe",
        b"acme",
        b"acme/",
        b"/01JD3B6Z8Y5V9TQ0RXK0000001",
        b"acme/01JD3B6Z8Y5V9TQ0RXK0000001/more",
        b"Acme/01JD3B6Z8Y5V9TQ0RXK0000001",
        b"acme/01jd3b6z8y5v9tq0rxk0000001",
        b'{"tenant": "acme"}',
        b"x" * 10_000_000,
        body_of(a_hint(1)) + b"\r\n",
        b"*1000000000\r\n",
    ]
    with signals_by(server.url, scope="garbage") as signals, hearing(signals, "workers") as ear:
        stranger = server.connection()
        stranger.publish([(channel, body) for body in bodies])
        stranger.publish([(channel, body_of(a_hint(7)))])
        ear.until_all_of([a_hint(7)])
        stranger.close()
        assert ear.heard == [None, a_hint(7)]


def test_a_hint_can_be_told_by_any_client_of_redis(server: RedisServer) -> None:
    with signals_by(server.url, scope="cli") as signals, hearing(signals, "watchers") as ear:
        command = ["redis-cli", "-p", str(server.port), "PUBLISH", "penstock:cli:watchers"]
        subprocess.run(
            [*command, "acme/01JD3B6Z8Y5V9TQ0RXK0000005"], check=True, timeout=PATIENCE_SECONDS
        )
        ear.until_all_of([a_hint(5)])


def test_a_password_opens_it_and_a_wrong_one_is_told_once_and_never_shown(tmp_path: Path) -> None:
    said: list[str] = []
    with redis_server(tmp_path, "--requirepass", SECRET, user_info=f":{SECRET}@") as server:
        with signals_by(server.url) as signals, hearing(signals, "workers") as ear:
            signals.tell("workers", a_hint(1))
            ear.until_all_of([a_hint(1)])
        wrong = redis_place(server.url.replace(SECRET, "wr0ng"))
        tries: list[RedisPlace] = []
        is_tried = threading.Event()

        def place() -> RedisPlace:
            tries.append(wrong)
            if len(tries) > 5:
                is_tried.set()
            return wrong

        refused = RedisSignals(place, scope="wrong", report=said.append, pace=QUICK)
        with refused.hearing("workers", print):
            assert is_tried.wait(PATIENCE_SECONDS)
    assert len(said) == 1
    assert "WRONGPASS" in said[0]
    assert SECRET not in said[0]
    assert "wr0ng" not in said[0]


def test_a_user_with_a_name_and_odd_letters_is_let_in(tmp_path: Path) -> None:
    options = (
        "--user",
        "penstock",
        "on",
        ">p@ss/ü word",
        "resetchannels",
        "&penstock:*",
        "+publish",
        "+subscribe",
        "+ping",
    )
    user_info = "penstock:p%40ss%2F%C3%BC%20word@"
    with (
        redis_server(tmp_path, *options, user_info=user_info) as server,
        signals_by(server.url) as signals,
        hearing(signals, "workers") as ear,
    ):
        signals.tell("workers", a_hint(1))
        ear.until_all_of([a_hint(1)])


def test_a_socket_file_is_a_place_too(tmp_path: Path) -> None:
    path = tmp_path / "r.sock"
    with (
        redis_server(tmp_path, "--unixsocket", str(path)),
        signals_by(f"unix://{path}") as signals,
        hearing(signals, "workers") as ear,
    ):
        signals.tell("workers", a_hint(1))
        ear.until_all_of([a_hint(1)])


def test_where_a_redis_is_may_change_and_may_be_unknown_for_a_while(server: RedisServer) -> None:
    asked: list[str] = []
    said: list[str] = []

    def place() -> RedisPlace:
        asked.append("once")
        if len(asked) < 3:
            raise SetupError("There is no parameter /penstock/test/redis-url.")
        return redis_place(server.url)

    signals = RedisSignals(place, scope="late", report=said.append, pace=QUICK)
    with hearing(signals, "workers"):
        pass
    signals.close()
    (line,) = said
    assert "(There is no parameter /penstock/test/redis-url)" in line


def test_who_waits_for_a_hint_to_go_out_knows_that_it_did(server: RedisServer) -> None:
    with signals_by(server.url, scope="sent", wait_seconds=PATIENCE_SECONDS) as signals:
        listening = server.connection()
        listening.subscribe(channel_of("sent", "workers"))
        signals.tell("workers", a_hint(1))
        # It is with the server by now, though nothing else runs in this process.
        assert listening.messages(PATIENCE_SECONDS) == [body_of(a_hint(1))]
        listening.close()


def test_nobody_waits_for_a_redis_that_fails_already() -> None:
    with (
        hanging_server() as url,
        signals_by(url, wait_seconds=PATIENCE_SECONDS) as signals,
    ):
        # The first one waits for its failure; were the others to wait, too, this would take hours.
        for number in range(1000):
            signals.tell("workers", a_hint(number))
