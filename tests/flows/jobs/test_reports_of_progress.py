"""When an attempt's word is sent: every 100 records, not too often, and as a sign of life."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.job_parts import JobHouse, job_house

from penstock.jobs.rules import JobRules
from penstock.model.artifact import Artifact
from penstock.model.attempt import Attempt
from penstock.model.job import Job
from penstock.model.progress import Progress
from penstock.ports import Audience, Heard, Hint

PATIENCE_SECONDS = 20
A_WHILE_SECONDS = 0.3
"""What must not come has this long to come all the same."""
NEVER_SECONDS = 3600.0


@dataclass
class CountingStore:
    """A store of jobs that keeps what is reported, and when."""

    inner: Any
    reported: list[Progress] = field(default_factory=list)
    began_at: list[float] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def report(
        self, tenant: str, job_id: str, progress: Progress, *, fencing_token: int, now: datetime
    ) -> Job:
        began_at = time.monotonic()
        job: Job = self.inner.report(tenant, job_id, progress, fencing_token=fencing_token, now=now)
        with self._changed:
            self.reported.append(progress)
            self.began_at.append(began_at)
            self._changed.notify_all()
        return job

    def until(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.reported) >= count, PATIENCE_SECONDS)

    def stays_at(self, count: int) -> None:
        with self._changed:
            more = self._changed.wait_for(lambda: len(self.reported) > count, A_WHILE_SECONDS)
            assert not more, self.reported


class TalkativeSignals:
    """Signals whose hints come when the test has them come."""

    def __init__(self) -> None:
        self.ears: list[Heard] = []

    def tell(self, audience: Audience, hint: Hint) -> None:
        """Tell nobody."""

    @contextmanager
    def hearing(self, audience: Audience, heard: Heard) -> Iterator[None]:
        assert audience == "workers"
        self.ears.append(heard)
        yield


@pytest.fixture
def house(tmp_path: Path) -> Iterator[JobHouse]:
    with job_house(tmp_path) as opened:
        yield opened


@pytest.fixture
def store(house: JobHouse) -> CountingStore:
    counting = CountingStore(house.ports.store)
    house.ports = replace(house.ports, store=counting)
    return counting


def runs(
    house: JobHouse,
    said: Callable[[Attempt], None],
    *,
    rules: JobRules,
    signals: TalkativeSignals | None = None,
) -> Job:
    """Run a job whose work is what is `said`, and give its row."""
    job = house.submit()

    def work(attempt: Attempt) -> tuple[Artifact, ...]:
        said(attempt)
        return ()

    worker = replace(house.worker(work), rules=rules)
    if signals is not None:
        worker = replace(worker, signals=signals)
    ran = house.run_next(worker)
    assert ran is not None
    assert ran.outcome == "succeeded", ran.fault
    return house.latest(job)


def test_silent_work_gives_signs_of_life(house: JobHouse, store: CountingStore) -> None:
    beats: list[int] = []

    def silent(_: Attempt) -> None:
        for count in (2, 5):
            store.until(count)
            beats.append(house.ports.store.get("acme", job_id(house)).heartbeat)

    runs(house, silent, rules=JobRules(heartbeat_seconds=0.01, report_seconds=0.001))
    assert beats[0] >= 2
    assert beats[1] >= 5


def job_id(house: JobHouse) -> str:
    (event,) = [each for each in house.listener.heard if each.name == "job.started"]
    return event.job_id


def test_signs_of_life_come_no_earlier_than_they_must(
    house: JobHouse, store: CountingStore
) -> None:
    runs(house, lambda _: store.stays_at(0), rules=JobRules(heartbeat_seconds=NEVER_SECONDS))
    assert store.reported == []


def test_hints_hold_no_sign_of_life_up(house: JobHouse, store: CountingStore) -> None:
    signals = TalkativeSignals()

    def hinted(_: Attempt) -> None:
        tick, ends = threading.Event(), time.monotonic() + PATIENCE_SECONDS
        while len(store.reported) < 2 and time.monotonic() < ends:
            for heard in signals.ears:
                heard(None)
            tick.wait(0.01)
        assert len(store.reported) >= 2

    rules = JobRules(heartbeat_seconds=0.2, report_seconds=0.001)
    runs(house, hinted, rules=rules, signals=signals)


def test_a_report_is_due_every_hundred_records(house: JobHouse, store: CountingStore) -> None:
    rules = JobRules(heartbeat_seconds=NEVER_SECONDS, report_seconds=0)

    def counting(attempt: Attempt) -> None:
        attempt.progress(0, phase="reading")
        store.until(1)
        for before in (0, 100, 200):
            reports = len(store.reported)
            for done in range(before + 1, before + 100):
                attempt.progress(done, phase="reading")
            store.stays_at(reports)
            attempt.progress(before + 100, phase="reading")
            store.until(reports + 1)

    runs(house, counting, rules=rules)
    assert [each.done for each in store.reported] == [0, 100, 200, 300]


def test_after_a_report_the_next_one_waits_and_tells_the_latest_word(
    house: JobHouse, store: CountingStore
) -> None:
    rules = JobRules(heartbeat_seconds=NEVER_SECONDS, report_seconds=NEVER_SECONDS)

    def hasty(attempt: Attempt) -> None:
        attempt.progress(100)
        store.until(1)
        for done in range(200, 100_000, 100):
            attempt.progress(done)
        store.stays_at(1)

    job = runs(house, hasty, rules=rules)
    # The end waits for nothing: what is left is sent before it.
    assert [each.done for each in store.reported] == [100, 99_900]
    assert job.high_water == 99_900


def test_reports_keep_their_distance_behind_a_long_silence_too(
    house: JobHouse, store: CountingStore
) -> None:
    apart = 0.05
    rules = JobRules(heartbeat_seconds=NEVER_SECONDS, report_seconds=apart)
    before_the_end: list[float] = []

    def bursts(attempt: Attempt) -> None:
        # Longer than the distance: it is no credit for two at once.
        threading.Event().wait(apart * 2)
        done, ends = 0, time.monotonic() + PATIENCE_SECONDS
        while len(store.reported) < 5 and time.monotonic() < ends:
            done += 100
            attempt.progress(done)
        store.until(5)
        before_the_end.extend(store.began_at[:5])

    runs(house, bursts, rules=rules)
    # A distance that is kept at least: a slow machine only makes it longer.
    gaps = [later - sooner for sooner, later in pairwise(before_the_end)]
    assert min(gaps) >= apart
