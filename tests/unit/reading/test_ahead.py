import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import DatasetDamagedError
from penstock.reading.ahead import ahead

_others: set[threading.Thread] = set()
"""Threads of tests before this one, which may still end."""


@pytest.fixture(autouse=True, scope="module")
def others() -> None:
    _others.update(threading.enumerate())


def is_working() -> bool:
    return "ahead" in {thread.name for thread in threading.enumerate() if thread not in _others}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers()), st.integers(1, 5))
def test_items_come_in_their_order(items: list[int], depth: int) -> None:
    assert list(ahead(items, depth=depth)) == items
    assert not is_working()


def test_nothing_is_pulled_before_the_first_item_is_asked_for() -> None:
    pulled = threading.Event()

    def items() -> Iterator[int]:
        pulled.set()
        yield 1

    stream = ahead(items(), depth=1)
    assert not pulled.is_set()
    assert next(stream) == 1
    stream.close()


def test_the_next_items_are_pulled_meanwhile_and_no_more_than_that() -> None:
    begun = [threading.Event() for _ in range(10)]

    def items() -> Iterator[int]:
        for number, event in enumerate(begun):
            event.set()
            yield number

    stream = ahead(items(), depth=2)
    assert next(stream) == 0
    # Two wait between the threads, and a third one is in the hand of whoever pulls.
    assert begun[3].wait(10)
    assert not begun[5].is_set()
    stream.close()
    assert not begun[9].is_set()


@pytest.mark.parametrize("error", [DatasetDamagedError("trees", reason="a test"), MemoryError()])
def test_an_error_comes_in_its_place(error: BaseException) -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise error

    stream = ahead(items(), depth=4)
    assert [next(stream), next(stream)] == [1, 2]
    with pytest.raises(type(error)) as raised:
        next(stream)
    assert raised.value is error
    assert not is_working()


@pytest.mark.parametrize("taken", [1, 3])
def test_closing_releases_what_the_items_hold(taken: int) -> None:
    released = threading.Event()

    def items() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            released.set()

    stream = ahead(items(), depth=1)
    for _ in range(taken):
        next(stream)
    stream.close()
    assert released.is_set()
    assert not is_working()


def test_closing_what_was_never_begun_begins_nothing() -> None:
    stream = ahead(iter([1]), depth=1)
    stream.close()
    assert not is_working()


def test_stages_stand_in_a_row() -> None:
    stream = ahead(ahead(ahead(range(100), depth=1), depth=1), depth=1)
    assert next(stream) == 0
    stream.close()
    assert not is_working()
