import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import DatasetDamagedError
from penstock.reading.read_ahead import ahead

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


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Cycles stay where they are: what only the collector frees is not released."""
    gc.disable()
    yield
    gc.enable()


def test_an_error_between_two_stages_ends_the_one_behind_it(no_collector: None) -> None:
    def third_is_refused(items: Iterator[int]) -> Iterator[int]:
        for item in items:
            if item == 3:
                raise DatasetDamagedError("trees", reason="a test")
            yield item

    stream = ahead(third_is_refused(ahead(range(1000), depth=1)), depth=1)
    with pytest.raises(DatasetDamagedError) as raised:
        list(stream)
    # The error is still held, as a log or an answer would hold it.
    assert raised.value.code == "dataset-damaged"
    assert not is_working()


def test_an_error_is_gone_once_nobody_holds_it(no_collector: None) -> None:
    errors: list[weakref.ref[BaseException]] = []

    def items() -> Iterator[int]:
        error = DatasetDamagedError("trees", reason="a test")
        errors.append(weakref.ref(error))
        yield 1
        raise error

    def read() -> bool:
        try:
            return not list(ahead(items(), depth=1))
        except DatasetDamagedError:
            return True

    assert read()
    assert [error() for error in errors] == [None]
