import threading
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reading_parts import minute

from penstock.errors import PenstockError, ScanCancelledError, ScanQueueFullError
from penstock.reading.engine import Allowance
from penstock.reading.slots import ScanSlots


class Visitor:
    """A thread that takes a slot and holds it until it is told to go."""

    def __init__(self, slots: ScanSlots, *, going_on: bool = False) -> None:
        self.allowance = minute()
        self.inside = threading.Event()
        self.go = threading.Event()
        self.error: PenstockError | None = None

        def visit() -> None:
            try:
                with slots.slot(self.allowance, going_on=going_on):
                    self.inside.set()
                    self.go.wait(20)
            except PenstockError as error:
                self.error = error

        self._thread = threading.Thread(target=visit, daemon=True)
        self._thread.start()

    def leave(self) -> None:
        self.go.set()
        self._thread.join(20)
        assert not self._thread.is_alive()


def wait_until(happens: Callable[[], bool]) -> None:
    for _ in range(2000):
        if happens():
            return
        threading.Event().wait(0.005)
    pytest.fail("it didn't happen")


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(1, 12))
def test_never_more_run_at_once_than_there_are_slots(slots: int, visitors: int) -> None:
    shared = ScanSlots(slots=slots, queue=visitors, wait_seconds=20)
    lock, inside, most = threading.Lock(), 0, 0

    def visit(*, going_on: bool) -> None:
        nonlocal inside, most
        with shared.slot(minute(), going_on=going_on):
            with lock:
                inside += 1
                most = max(most, inside)
            threading.Event().wait(0.001)
            with lock:
                inside -= 1

    threads = [
        threading.Thread(target=visit, kwargs={"going_on": number % 2 == 0})
        for number in range(visitors)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert inside == 0
    assert 0 < most <= slots
    assert not shared.are_wanted


def test_a_slot_is_given_back_when_its_body_fails() -> None:
    shared = ScanSlots(slots=1, queue=0, wait_seconds=1)
    with pytest.raises(ZeroDivisionError), shared.slot(minute()):
        raise ZeroDivisionError
    with shared.slot(minute()):
        pass


def test_without_a_queue_the_next_one_is_told_when_to_come_back() -> None:
    shared = ScanSlots(slots=1, queue=0, wait_seconds=10)
    with shared.slot(minute()), pytest.raises(ScanQueueFullError) as raised, shared.slot(minute()):
        pytest.fail("it got in")
    assert raised.value.retry_after_seconds == 5


def test_a_queue_takes_as_many_as_it_holds() -> None:
    shared = ScanSlots(slots=1, queue=2, wait_seconds=20)
    first = Visitor(shared)
    assert first.inside.wait(10)
    waiting = [Visitor(shared), Visitor(shared)]
    # Both are counted before a third one asks.
    wait_until(lambda: len(shared._waiting) == 2)  # noqa: SLF001 - nothing public counts them
    with pytest.raises(ScanQueueFullError), shared.slot(minute()):
        pytest.fail("it got in")
    first.leave()
    for each in waiting:
        each.leave()
        assert each.error is None


def test_a_wait_for_a_slot_has_an_end() -> None:
    shared = ScanSlots(slots=1, queue=1, wait_seconds=0.01)
    with shared.slot(minute()), pytest.raises(ScanQueueFullError), shared.slot(minute()):
        pytest.fail("it got in")
    assert not shared.are_wanted


def test_a_client_that_leaves_while_it_waits_makes_room_in_the_queue() -> None:
    shared = ScanSlots(slots=1, queue=1, wait_seconds=20)
    with ExitStack() as stack:
        stack.enter_context(shared.slot(minute()))
        waiting = Visitor(shared)
        wait_until(lambda: shared.are_wanted)
        waiting.allowance.cancel()
        waiting.leave()
        assert isinstance(waiting.error, ScanCancelledError)
        assert not shared.are_wanted
    with shared.slot(minute()):
        pass


def test_a_scan_that_goes_on_waits_for_as_long_as_it_takes() -> None:
    shared = ScanSlots(slots=1, queue=0, wait_seconds=0.01)
    first = Visitor(shared)
    assert first.inside.wait(10)
    going_on = Visitor(shared, going_on=True)
    assert not going_on.inside.wait(0.3)
    assert not shared.are_wanted
    first.leave()
    assert going_on.inside.wait(10)
    going_on.leave()
    assert going_on.error is None


def test_a_new_request_steps_in_front_of_a_scan_that_goes_on() -> None:
    shared = ScanSlots(slots=1, queue=4, wait_seconds=20)
    first = Visitor(shared)
    assert first.inside.wait(10)
    going_on = Visitor(shared, going_on=True)
    wait_until(lambda: len(shared._waiting) == 1)  # noqa: SLF001 - nothing public counts them
    new = Visitor(shared)
    wait_until(lambda: shared.are_wanted)
    first.leave()
    assert new.inside.wait(10)
    assert not going_on.inside.is_set()
    new.leave()
    assert going_on.inside.wait(10)
    going_on.leave()


def test_a_cancelled_scan_that_goes_on_leaves_the_queue() -> None:
    shared = ScanSlots(slots=1, queue=0, wait_seconds=1)
    with shared.slot(minute()):
        going_on = Visitor(shared, going_on=True)
        going_on.allowance.cancel()
        going_on.leave()
    assert isinstance(going_on.error, ScanCancelledError)
    with shared.slot(Allowance(seconds=1)):
        pass
