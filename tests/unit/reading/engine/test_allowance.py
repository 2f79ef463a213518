import threading
import time

import pytest

from penstock.errors import DatasetDamagedError, QueryTimeoutError, ScanCancelledError
from penstock.reading.engine import Allowance
from penstock.reading.engine.allowance import Watch


def never() -> None:
    pytest.fail("it was interrupted")


def test_a_step_within_its_time_is_left_alone() -> None:
    allowance = Allowance(seconds=60)
    with allowance.step(never):
        allowance.enforce()
    assert not allowance.cancelled


def test_a_cancelled_allowance_lets_no_step_begin() -> None:
    allowance = Allowance(seconds=60)
    allowance.cancel()
    assert allowance.cancelled
    with pytest.raises(ScanCancelledError), allowance.step(never):
        pytest.fail("it began")


def test_an_allowance_without_time_lets_no_step_begin() -> None:
    with pytest.raises(QueryTimeoutError) as raised, Allowance(seconds=0).step(never):
        pytest.fail("it began")
    assert raised.value.facts["limit_seconds"] == 0


def test_cancelling_interrupts_the_step_that_runs() -> None:
    allowance = Allowance(seconds=60)
    interrupted = threading.Event()

    def run_until_interrupted() -> None:
        with allowance.step(interrupted.set):
            threading.Thread(target=allowance.cancel).start()
            assert interrupted.wait(10)
            raise DatasetDamagedError("trees", reason="what an interrupted engine says")

    with pytest.raises(ScanCancelledError):
        run_until_interrupted()


def test_a_step_that_ended_well_just_before_it_was_cancelled_counts() -> None:
    allowance = Allowance(seconds=60)
    with allowance.step(lambda: None):
        allowance.cancel()
    with pytest.raises(ScanCancelledError), allowance.step(never):
        pytest.fail("it began")


def test_another_error_of_a_step_is_its_own() -> None:
    with pytest.raises(DatasetDamagedError), Allowance(seconds=60).step(never):
        raise DatasetDamagedError("trees", reason="a test")


def test_time_between_steps_costs_nothing() -> None:
    allowance = Allowance(seconds=0.05)
    for _ in range(3):
        with allowance.step(never):
            pass
        threading.Event().wait(0.03)
    with allowance.step(never):
        pass


def test_steps_share_their_time() -> None:
    allowance = Allowance(seconds=0.05)

    def spend() -> None:
        while True:
            with allowance.step(lambda: None):
                time.monotonic()

    with pytest.raises(QueryTimeoutError):
        spend()


def test_enforcing_ends_no_step_that_is_over() -> None:
    allowance = Allowance(seconds=60)
    with allowance.step(never):
        pass
    allowance.cancel()
    allowance.enforce()


def test_a_watch_interrupts_what_runs_out_of_time_again_and_again() -> None:
    watch = Watch()
    allowance = Allowance(seconds=0.01)
    watch.add(allowance)
    calls = threading.Semaphore(0)

    def run_until_interrupted_twice() -> None:
        # An interrupt that comes before the engine listens is lost: so there is another.
        with allowance.step(calls.release):
            assert calls.acquire(timeout=10)
            assert calls.acquire(timeout=10)
            raise DatasetDamagedError("trees", reason="what an interrupted engine says")

    try:
        with pytest.raises(QueryTimeoutError):
            run_until_interrupted_twice()
    finally:
        watch.close()


def test_a_watch_holds_no_allowance_that_nobody_else_holds() -> None:
    watch = Watch()
    try:
        allowance = Allowance(seconds=60)
        watch.add(allowance)
        del allowance
        assert not list(watch._allowances)  # noqa: SLF001 - nothing public tells what isn't held
    finally:
        watch.close()
