from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from penstock.client.jobs.job_view import job_of
from penstock.client.jobs.jobs_api import JobLook
from penstock.client.jobs.watching import watch
from penstock.client.transfer.retry import RetryPolicy

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


def looked(job_id: str, state: str, done: int = 0, *, wait: float | None = None) -> JobLook:
    said = {"id": job_id, "type": "orders", "state": state, "progress": {"high_water": done}}
    return JobLook(job=job_of(said), etag=f'"{state}{done}"', at=NOW, wait_seconds=wait)


class Told:
    """Answers, as they come; None says that nothing has changed."""

    def __init__(self, answers: Mapping[str, Sequence[JobLook | None]]) -> None:
        self._answers = {job_id: deque(each) for job_id, each in answers.items()}
        self.asked: list[tuple[str, str | None]] = []

    def look_again(self, before: JobLook) -> JobLook | None:
        self.asked.append((before.job.id, before.etag))
        return self._answers[before.job.id].popleft()


def watched(
    begun: Sequence[JobLook], answers: Mapping[str, Sequence[JobLook | None]]
) -> tuple[list[tuple[str, str, int]], list[float], Told]:
    naps: list[float] = []
    told = Told(answers)
    seen = [
        (job.id, job.state, job.high_water)
        for job in watch(told, begun, retry=RetryPolicy(sleep=naps.append))
    ]
    return seen, naps, told


def test_a_job_is_looked_at_until_it_is_over() -> None:
    seen, naps, told = watched(
        [looked("a", "ACCEPTED")],
        {"a": [None, looked("a", "RUNNING", 5), looked("a", "SUCCEEDED", 9)]},
    )
    assert seen == [("a", "ACCEPTED", 0), ("a", "RUNNING", 5), ("a", "SUCCEEDED", 9)]
    assert told.asked == [("a", '"ACCEPTED0"'), ("a", '"ACCEPTED0"'), ("a", '"RUNNING5"')]
    assert naps == pytest.approx([0.06, 0.09, 0.135])


def test_a_short_job_is_noticed_soon_whatever_the_service_usually_asks_for() -> None:
    answers = [*[looked("a", "RUNNING", done, wait=1) for done in range(4)], looked("a", "FAILED")]
    _, naps, _ = watched([looked("a", "ACCEPTED", wait=1)], {"a": answers})
    assert sum(naps) < 0.8


def test_a_job_that_goes_on_is_looked_at_once_a_second() -> None:
    answers = [*[looked("a", "RUNNING", done, wait=1) for done in range(20)], looked("a", "FAILED")]
    _, naps, _ = watched([looked("a", "ACCEPTED", wait=1)], {"a": answers})
    assert naps[10:] == [1.0] * 11


def test_a_job_that_is_over_is_not_asked_for() -> None:
    seen, naps, told = watched([looked("a", "FAILED")], {})
    assert (seen, naps, told.asked) == ([("a", "FAILED", 0)], [], [])
    assert watched([], {})[0] == []


def test_the_pause_grows_while_nothing_happens_and_has_an_end() -> None:
    _, naps, _ = watched([looked("a", "QUEUED")], {"a": [*[None] * 20, looked("a", "CANCELLED")]})
    assert naps == sorted(naps)
    assert naps[-1] == 5.0


def test_the_service_is_left_alone_for_as_long_as_it_asks() -> None:
    answers = [looked("a", "RUNNING", wait=7), None, looked("a", "SUCCEEDED")]
    _, naps, _ = watched([looked("a", "ACCEPTED", wait=2)], {"a": answers})
    assert naps == [2, 7, 7]
    _, naps, _ = watched([looked("a", "ACCEPTED", wait=1e9)], {"a": [looked("a", "FAILED")]})
    assert naps == [RetryPolicy().longest_wait_seconds]


def test_several_jobs_are_watched_each_to_its_own_end() -> None:
    seen, naps, told = watched(
        [looked("a", "RUNNING", 1), looked("b", "QUEUED"), looked("c", "SUCCEEDED", 3)],
        {
            "a": [looked("a", "SUCCEEDED", 2)],
            "b": [None, looked("b", "RUNNING"), looked("b", "FAILED")],
        },
    )
    assert [each[1] for each in seen] == [
        "RUNNING",
        "QUEUED",
        "SUCCEEDED",
        "SUCCEEDED",
        "RUNNING",
        "FAILED",
    ]
    assert [job_id for job_id, _ in told.asked] == ["a", "b", "b", "b"]
    assert len(naps) == 3


def test_many_jobs_are_looked_at_within_the_rate_that_a_key_has() -> None:
    jobs = [looked(f"j{n}", "QUEUED") for n in range(100)]
    _, naps, told = watched(jobs, {each.job.id: [looked(each.job.id, "FAILED")] for each in jobs})
    assert len(told.asked) / sum(naps) <= 10


def test_what_a_look_raises_comes_through() -> None:
    begun = looked("a", "QUEUED")
    with pytest.raises(KeyError):
        watched([replace(begun, job=replace(begun.job, id="unknown"))], {"a": []})
