"""What every adapter of Signals promises."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.redis_parts import Ear, RedisServer, a_hint, hanging_server, redis_server, signals_by

from penstock.ports import Hint, Signals
from penstock.signals.silent import SILENT


@pytest.fixture(params=["hanging", "redis", "silent", "stopped"])
def signals(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Signals]:
    """Signals by a way that is there, that is not, that hangs, and by none."""
    with ExitStack() as stack:
        match request.param:
            case "silent":
                yield SILENT
            case "hanging":
                url = stack.enter_context(hanging_server())
                yield stack.enter_context(signals_by(url))
            case "stopped":
                server: RedisServer = stack.enter_context(redis_server(tmp_path))
                server.stop()
                yield stack.enter_context(signals_by(server.url))
            case _:
                server = stack.enter_context(redis_server(tmp_path))
                yield stack.enter_context(signals_by(server.url))


def test_telling_raises_nothing_whether_or_not_anybody_hears(signals: Signals) -> None:
    for number in range(3000):
        signals.tell("watchers" if number % 2 else "workers", a_hint(number))


def test_many_threads_may_tell_and_hear_at_once(signals: Signals) -> None:
    def told_and_heard(number: int) -> None:
        with signals.hearing("workers", Ear()):
            for each in range(20):
                signals.tell("workers", a_hint(number * 100 + each))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(told_and_heard, range(16)))


def test_hearing_ends_with_its_body_whatever_that_does(signals: Signals) -> None:
    ear = Ear()
    with pytest.raises(KeyError), signals.hearing("watchers", ear):
        raise KeyError
    signals.tell("watchers", a_hint())
    assert not [hint for hint in ear.heard if hint is not None]


def test_what_is_heard_is_a_hint_or_a_word_that_some_were_missed(signals: Signals) -> None:
    ear = Ear()
    with signals.hearing("workers", ear):
        signals.tell("workers", a_hint())
    assert all(hint is None or isinstance(hint, Hint) for hint in list(ear.heard))


def test_a_way_that_was_closed_takes_hints_and_loses_them(signals: Signals) -> None:
    close, ear = getattr(signals, "close", None), Ear()
    with signals.hearing("workers", ear):
        if close is not None:
            close()
            close()
        signals.tell("workers", a_hint())
    assert not [hint for hint in ear.heard if hint is not None]
