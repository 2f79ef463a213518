"""How long jobs wait: before they are tried again, and before nobody's job is dispatched anew."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from tests.job_parts import JobHouse, job_house

from penstock.errors import RecoverableError
from penstock.jobs.rules import JobRules, rules_of
from penstock.model.artifact import Artifact
from penstock.model.attempt import Attempt
from penstock.model.message import JobMessage
from penstock.settings import Settings

JOBS = 40


@dataclass
class NotedDispatch:
    """A dispatch that keeps the delays it was asked for."""

    inner: Any
    delays: list[float] = field(default_factory=list)

    def send(self, message: JobMessage, *, delay_seconds: float = 0) -> None:
        self.delays.append(delay_seconds)
        self.inner.send(message, delay_seconds=delay_seconds)

    def bury(self, message: JobMessage, *, reason: str) -> None:
        self.inner.bury(message, reason=reason)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[JobHouse]:
    with job_house(tmp_path) as opened:
        yield opened


@pytest.fixture
def seeded() -> Iterator[None]:
    """The same chances at each run."""
    before = random.getstate()
    random.seed(7)
    yield
    random.setstate(before)


def fails(_: Attempt) -> tuple[Artifact, ...]:
    raise RecoverableError("The database is out of reach.")


def test_jobs_that_failed_together_do_not_come_back_together(house: JobHouse, seeded: None) -> None:
    noted = NotedDispatch(house.ports.dispatch)
    for _ in range(JOBS):
        house.submit()
    house.ports = replace(house.ports, dispatch=noted)
    for least in (2, 45):
        noted.delays.clear()
        for _ in range(JOBS):
            ran = house.run_next(house.worker(fails))
            assert ran is not None
            assert ran.outcome == "retried"
        assert len(noted.delays) == JOBS
        assert all(least <= delay <= least * 1.5 for delay in noted.delays)
        # They fill the time that they have: in each quarter of it some come back.
        quarters = {int((delay - least) / (least * 0.5) * 4) for delay in noted.delays}
        assert quarters >= {0, 1, 2, 3}
        house.pass_time(least * 1.5)


def test_a_job_that_nobody_begins_is_dispatched_at_distances_that_stop_doubling(
    house: JobHouse,
) -> None:
    house.submit()
    house.sweep()
    for dispatched_before in range(10):
        seconds = 180 * 2 ** min(dispatched_before, 6)
        assert house.sweep(after=seconds - 1).dispatched == 0
        assert house.sweep(after=1).dispatched == 1
        # It rests from when it is seen as it is now.
        assert house.sweep().dispatched == 0


def test_the_rules_are_the_contracts_unless_a_setting_says_otherwise() -> None:
    rules = JobRules()
    assert (rules.heartbeat_seconds, rules.lease_seconds) == (10, 60)
    assert rules.report_seconds == 0.5
    assert (rules.start_seconds, rules.start_doublings, rules.attempts) == (180, 6, 3)
    assert rules.cancel_seconds == 180
    assert (rules.files_kept.days, rules.rows_kept.days) == (7, 90)
    assert rules_of(Settings()) == rules
