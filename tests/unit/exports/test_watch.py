import threading
from collections.abc import Mapping
from typing import Any

from tests.job_homes import a_job

from penstock.exports.watch import watched
from penstock.model.artifact import Artifact


class Ending:
    """An attempt that is over once it is told to be."""

    def __init__(self) -> None:
        self.job = a_job()
        self.over = threading.Event()

    def progress(
        self, done: int, *, total: int | None = None, size_bytes: int = 0, phase: str = ""
    ) -> None:
        pass

    def is_over(self) -> bool:
        return self.over.is_set()

    def holds(self) -> bool:
        return not self.over.is_set()

    def checkpoint(self, reached: Mapping[str, Any], artifacts: tuple[Artifact, ...]) -> None:
        pass

    def finalize(self) -> None:
        pass


def test_what_runs_is_interrupted_once_the_attempt_is_over() -> None:
    attempt, is_interrupted = Ending(), threading.Event()
    with watched(attempt) as allowance:
        one = allowance(60)
        with one.step(is_interrupted.set):
            attempt.over.set()
            assert is_interrupted.wait(30)
        assert one.cancelled


def test_what_begins_after_the_attempt_is_over_is_ended_too() -> None:
    attempt = Ending()
    attempt.over.set()
    with watched(attempt) as allowance:
        one, later = allowance(60), threading.Event()
        assert any(one.cancelled or later.wait(0.05) for _ in range(600))


def test_nothing_ends_while_the_attempt_goes_on() -> None:
    with watched(Ending()) as allowance:
        one = allowance(60)
        with one.step(lambda: None):
            assert not one.cancelled
    assert not one.cancelled


def test_nobody_watches_afterwards() -> None:
    before = threading.active_count()
    with watched(Ending()):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
