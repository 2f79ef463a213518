"""Progress that its sink never takes: the work goes on, ends, and its end is stored."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.job_parts import JobHouse, job_house

from penstock.jobs.worker import Work
from penstock.model.artifact import Artifact
from penstock.model.attempt import Attempt
from penstock.model.event import JobEvent
from penstock.model.job import Job
from penstock.model.progress import Progress

PATIENCE_SECONDS = 60
WORDS = 2_000_000
ARTIFACT = Artifact(part="part-000001-00000.parquet", rows=3, bytes=4, sha256="00" * 32)


@dataclass
class Gate:
    """Where whoever comes has to wait until the test opens it."""

    entered: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)

    def pass_through(self) -> None:
        self.entered.set()
        assert self.opened.wait(PATIENCE_SECONDS)
        self.left.set()


@dataclass
class HangingStore:
    """A store of jobs that takes reports when its gate is opened."""

    inner: Any
    gate: Gate

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def report(
        self, tenant: str, job_id: str, progress: Progress, *, fencing_token: int, now: datetime
    ) -> Job:
        self.gate.pass_through()
        job: Job = self.inner.report(tenant, job_id, progress, fencing_token=fencing_token, now=now)
        return job


@dataclass
class HangingListener:
    """A listener that hears of progress when its gate is opened, and of all else at once."""

    inner: Any
    gate: Gate

    def publish(self, event: JobEvent) -> None:
        if event.name == "job.progress":
            self.gate.pass_through()
        self.inner.publish(event)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[JobHouse]:
    with job_house(tmp_path) as opened:
        yield opened


@pytest.fixture(params=["the store", "who listens"])
def gate(request: pytest.FixtureRequest, house: JobHouse) -> Iterator[Gate]:
    """A gate before the store, or before whoever listens."""
    gate = Gate()
    ports = house.ports
    if request.param == "the store":
        house.ports = replace(ports, store=HangingStore(ports.store, gate))
    else:
        house.ports = replace(ports, publisher=HangingListener(ports.publisher, gate))
    yield gate
    gate.opened.set()


def speaking(gate: Gate) -> Work:
    """Say more and more while the first word is still on its way."""

    def work(attempt: Attempt) -> tuple[Artifact, ...]:
        attempt.progress(100)
        assert gate.entered.wait(PATIENCE_SECONDS)
        for done in range(200, WORDS, 100):
            attempt.progress(done, total=WORDS, phase="reading")
        attempt.progress(WORDS, total=WORDS)
        assert not gate.opened.is_set()
        return (ARTIFACT,)

    return work


def test_work_ends_while_its_first_word_still_hangs_and_the_late_word_changes_nothing(
    house: JobHouse, gate: Gate
) -> None:
    job = house.submit()
    ran = house.run_next(house.worker(speaking(gate)))
    assert ran is not None
    assert ran.outcome == "succeeded"
    # Nobody opened the gate: the first word still hangs, and the end is stored already.
    assert not gate.opened.is_set()
    done = house.latest(job)
    assert (done.state, done.high_water) == ("SUCCEEDED", WORDS)
    gate.opened.set()
    assert gate.left.wait(PATIENCE_SECONDS)
    for thread in threading.enumerate():
        if thread.name == "progress":
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()
    assert house.latest(job) == done
    names = house.listener.names(job)
    assert names == ["job.accepted", "job.started", "job.succeeded"]
