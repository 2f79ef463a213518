import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.moving_clock import START, Clock

from penstock.aws.services.ttl_cache import TtlCache
from penstock.errors import UnknownHostError

PATIENCE_SECONDS = 30


class Source:
    """Answers with how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> int:
        self.asked += 1
        return self.asked


def remembered(clock: Clock, *, seconds: float = 60, most: int = 3) -> TtlCache[int]:
    return TtlCache(seconds=seconds, most=most, now=clock)


def test_a_value_is_looked_up_again_once_its_time_is_over() -> None:
    clock, source = Clock(), Source()
    values = remembered(clock)
    assert [values.get("a", source), values.get("a", source)] == [1, 1]
    clock.time = START + timedelta(seconds=59.999)
    assert values.get("a", source) == 1
    clock.time = START + timedelta(seconds=60)
    assert values.get("a", source) == 2


def test_nothing_is_remembered_for_no_time() -> None:
    values, source = remembered(Clock(), seconds=0), Source()
    assert [values.get("a", source) for _ in range(3)] == [1, 2, 3]


def test_a_clock_that_is_set_back_ends_what_was_remembered() -> None:
    clock, source = Clock(), Source()
    values = remembered(clock)
    values.get("a", source)
    clock.time = START - timedelta(days=1)
    assert values.get("a", source) == 2


def test_a_value_is_as_old_as_the_beginning_of_its_look_up() -> None:
    clock = Clock()
    values = remembered(clock)

    def slow() -> int:
        clock.time += timedelta(seconds=59)
        return 1

    values.get("a", slow)
    source = Source()
    assert (values.get("a", source), source.asked) == (1, 0)
    clock.time += timedelta(seconds=1)
    values.get("a", source)
    assert source.asked == 1


def test_an_error_is_not_remembered_and_a_live_value_needs_no_look_up() -> None:
    values = remembered(Clock())

    def failing() -> int:
        raise UnknownHostError

    for _ in range(2):
        with pytest.raises(UnknownHostError):
            values.get("a", failing)
    assert values.get("a", lambda: 7) == 7
    assert values.get("a", failing) == 7


def test_what_was_used_least_lately_goes_first() -> None:
    values = remembered(Clock(), most=2)
    for key in ("a", "b", "a", "c"):
        values.get(key, lambda: 1)
    source = Source()
    values.get("a", source)
    assert source.asked == 0
    values.get("b", source)
    assert source.asked == 1


@given(st.lists(st.text(max_size=2)), st.integers(1, 5))
def test_there_are_never_more_than_the_most(keys: list[str], most: int) -> None:
    values = remembered(Clock(), most=most)
    for number, key in enumerate(keys):
        assert values.get(key, partial(int, number)) <= number
        assert len(values) <= most


def held(entered: threading.Event, leave: threading.Event, value: int) -> Callable[[], int]:
    def look_up() -> int:
        entered.set()
        assert leave.wait(PATIENCE_SECONDS)
        return value

    return look_up


def test_many_who_want_one_key_share_one_look_up_and_others_go_on() -> None:
    values, source = remembered(Clock()), Source()
    entered, leave = threading.Event(), threading.Event()

    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(values.get, "a", held(entered, leave, 42))
        assert entered.wait(PATIENCE_SECONDS)
        rest = [pool.submit(values.get, "a", source) for _ in range(8)]
        assert values.get("b", lambda: 5) == 5
        leave.set()
        got = [each.result(PATIENCE_SECONDS) for each in (first, *rest)]
    assert got == [42] * 9
    assert source.asked == 0


def test_who_asks_after_it_was_forgotten_does_not_get_what_was_seen_before() -> None:
    values = remembered(Clock())
    entered, leave = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        old = pool.submit(values.get, "a", held(entered, leave, 1))
        assert entered.wait(PATIENCE_SECONDS)
        values.forget("a")
        assert values.get("a", lambda: 2) == 2
        leave.set()
        assert old.result(PATIENCE_SECONDS) == 1
    assert values.get("a", lambda: 3) == 2
