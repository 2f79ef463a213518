import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.reading.workers import Workers


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    workers = Workers(threads=3)
    yield workers
    workers.close()


@settings(max_examples=50, deadline=None)
@given(pauses=st.lists(st.floats(0, 0.002), max_size=20), runs_ahead=st.booleans())
def test_results_come_in_the_order_of_their_items(
    workers: Workers, pauses: list[float], *, runs_ahead: bool
) -> None:
    def work(item: tuple[int, float]) -> int:
        time.sleep(item[1])
        return item[0]

    results = workers.in_order(work, enumerate(pauses), may_run_ahead=lambda: runs_ahead)
    assert list(results) == list(range(len(pauses)))


def test_items_are_worked_on_side_by_side(workers: Workers) -> None:
    together = threading.Barrier(3)

    def work(item: int) -> int:
        if item:
            together.wait(10)
        return item

    # Each but the first waits until three of them run.
    assert list(workers.in_order(work, range(4), may_run_ahead=lambda: True)) == [0, 1, 2, 3]


def test_the_first_result_comes_before_a_second_item_is_asked_for(workers: Workers) -> None:
    asked = []

    def items() -> Iterator[int]:
        for item in range(3):
            asked.append(item)
            yield item

    results = workers.in_order(str, items(), may_run_ahead=lambda: True)
    assert next(results) == "0"
    assert asked == [0]


def test_no_result_waits_for_an_item_while_nothing_may_run_ahead(workers: Workers) -> None:
    given_out = 0
    seen = []

    def items() -> Iterator[int]:
        for item in range(5):
            seen.append(given_out)
            yield item

    for _ in workers.in_order(str, items(), may_run_ahead=lambda: False):
        given_out += 1
    assert seen == [0, 1, 2, 3, 4]


def test_an_error_of_the_work_is_raised_in_its_place(workers: Workers) -> None:
    results = workers.in_order(lambda item: 1 / item, [1, 2, 0, 4], may_run_ahead=lambda: True)
    assert [next(results), next(results)] == [1.0, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_what_is_not_begun_is_dropped_when_the_results_are_closed(workers: Workers) -> None:
    begun = []
    hold = threading.Event()

    def work(item: int) -> int:
        begun.append(item)
        if item:
            hold.wait(10)
        return item

    results = workers.in_order(work, iter(range(100)), may_run_ahead=lambda: True)
    assert next(results) == 0
    results.close()
    hold.set()
    assert begun == [0]
