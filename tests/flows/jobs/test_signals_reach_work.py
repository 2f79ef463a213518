"""Hints and work: a cancel is seen at once, and nothing else about a job ever changes by one."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.job_parts import JobHouse, job_house
from tests.redis_parts import (
    PATIENCE_SECONDS,
    RedisServer,
    hanging_server,
    redis_server,
    signals_by,
)

from penstock.jobs.cancel import cancel, discard
from penstock.jobs.progress import Reporter
from penstock.jobs.rules import JobRules
from penstock.jobs.run import RunOutcome, run
from penstock.jobs.worker import Work, Worker
from penstock.model.artifact import Artifact
from penstock.model.attempt import Attempt
from penstock.model.job import Job
from penstock.model.job_id import new_job_id
from penstock.model.message import message_of
from penstock.model.progress import Progress
from penstock.ports import Audience, Heard, Hint, JobPorts, JobStore, Signals
from penstock.signals.hinted_events import HintedEvents
from penstock.signals.wire import body_of, channel_of

ARTIFACT = Artifact(part="part-000001-00000.parquet", rows=3, bytes=4, sha256="00" * 32)
ON_HINTS_ALONE = JobRules(heartbeat_seconds=3600, report_seconds=3600, drain_seconds=5)
"""No report would tell a worker of a cancel within the time of a test."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[JobHouse]:
    home = tmp_path / "home"
    home.mkdir()
    with job_house(home) as opened:
        yield opened


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    folder = tmp_path / "redis"
    folder.mkdir()
    with redis_server(folder) as running:
        yield running


def hinted(house: JobHouse, signals: Signals) -> JobPorts:
    """The house's ports as a process with signals has them."""
    events = HintedEvents(house.listener, signals, audiences=("watchers", "workers"))
    return replace(house.ports, publisher=events)


def worker_of(house: JobHouse, work: Work, signals: Signals) -> Worker:
    """A worker that hears of a cancel by hints, and by nothing else in time."""
    own = house.worker(work)
    return replace(own, ports=hinted(house, signals), rules=ON_HINTS_ALONE, signals=signals)


@dataclass(slots=True)
class Patient:
    """Work that waits to be ended, and says when it began."""

    begun: threading.Event = field(default_factory=threading.Event)

    def __call__(self, attempt: Attempt) -> tuple[Artifact, ...]:
        self.begun.set()
        for _ in range(PATIENCE_SECONDS * 100):
            if attempt.is_over():
                attempt.progress(1)  # raises why
            threading.Event().wait(0.01)
        return ()


@contextmanager
def at_work(worker: Worker, job: Job, work: Patient) -> Iterator[list[RunOutcome]]:
    """Have a worker at a job for the body; afterwards there is what came of it."""
    came: list[RunOutcome] = []
    thread = threading.Thread(target=lambda: came.append(run(worker, message_of(job))))
    thread.start()
    assert work.begun.wait(PATIENCE_SECONDS)
    yield came
    thread.join(PATIENCE_SECONDS + 10)
    assert not thread.is_alive()


@pytest.mark.parametrize("ask", ["cancel", "discard"])
def test_a_worker_is_told_that_its_job_is_to_end(
    house: JobHouse, server: RedisServer, ask: str
) -> None:
    work = Patient()
    with signals_by(server.url) as signals, signals_by(server.url) as elsewhere:
        job = house.submit()
        with at_work(worker_of(house, work, signals), job, work) as came:
            end: Callable[..., Any] = cancel if ask == "cancel" else discard
            end(hinted(house, elsewhere), house.latest(job), now=house.now)
    # A row that is deleted between the hint and the look says the same as one that is another's.
    assert came[0].outcome in ({"cancelled"} if ask == "cancel" else {"cancelled", "superseded"})


def test_a_cancel_before_a_worker_hears_is_seen_by_its_first_look(
    house: JobHouse, server: RedisServer
) -> None:
    work = Patient()
    with signals_by(server.url) as signals:
        job = house.submit()
        server.stop()
        with at_work(worker_of(house, work, signals), job, work) as came:
            cancel(house.ports, house.latest(job), now=house.now)
            server.start()
    assert came[0].outcome == "cancelled"


def test_a_redis_that_restarts_in_the_midst_loses_no_cancel(
    house: JobHouse, server: RedisServer
) -> None:
    work = Patient()
    with signals_by(server.url) as signals, signals_by(server.url) as elsewhere:
        job = house.submit()
        with at_work(worker_of(house, work, signals), job, work) as came:
            server.stop()
            cancel(hinted(house, elsewhere), house.latest(job), now=house.now)
            server.start()
    assert came[0].outcome == "cancelled"


@pytest.mark.parametrize("way", ["hanging", "stopped", "wrong-password"])
def test_a_redis_that_is_of_no_use_holds_no_work_up(
    house: JobHouse, tmp_path: Path, way: str
) -> None:
    said: list[str] = []

    def work(attempt: Attempt) -> tuple[Artifact, ...]:
        for done in range(0, 1_000_000, 100):
            attempt.progress(done)
        return (ARTIFACT,)

    with ExitStack() as stack:
        if way == "hanging":
            url = stack.enter_context(hanging_server())
        else:
            options = ("--requirepass", "right") if way == "wrong-password" else ()
            user_info = ":right@" if options else ""
            running = stack.enter_context(redis_server(tmp_path, *options, user_info=user_info))
            url = running.url.replace("right", "wrong")
            if way == "stopped":
                running.stop()
        signals = stack.enter_context(signals_by(url, report=said.append))
        for _ in range(20):
            job = house.submit()
            received = house.receive()
            assert received is not None
            own = replace(house.worker(work), ports=hinted(house, signals), signals=signals)
            assert run(own, received.message).outcome == "succeeded"
            house.queue.done(received)
            assert house.latest(job).high_water == 999_900
    assert len(said) <= 2
    assert not any("right" in line or "wrong" in line for line in said)


def test_forged_hints_end_no_job(house: JobHouse, server: RedisServer) -> None:
    store = CountingStore(house.ports.store)
    is_told, may_end = threading.Event(), threading.Event()

    def work(attempt: Attempt) -> tuple[Artifact, ...]:
        is_told.set()
        assert may_end.wait(PATIENCE_SECONDS)
        attempt.progress(3)
        return (ARTIFACT,)

    with signals_by(server.url) as signals:
        job = house.submit()
        worker = worker_of(house, work, signals)
        worker = replace(worker, ports=replace(worker.ports, store=store))
        came: list[RunOutcome] = []
        thread = threading.Thread(target=lambda: came.append(run(worker, message_of(job))))
        thread.start()
        assert is_told.wait(PATIENCE_SECONDS)
        store.until(2)  # the claim's, and the look with which hearing begins
        stranger = server.connection()
        channel = channel_of("test", "workers")
        for text in (b"cancel", b"acme/" + new_job_id().encode(), b"other/" + job.id.encode()):
            stranger.publish([(channel, text)])
        stranger.publish([(channel, body_of(Hint(tenant="acme", job_id=job.id)))])
        store.until(3)  # the one hint that names the job has its row looked at
        stranger.close()
        may_end.set()
        thread.join(PATIENCE_SECONDS)
    assert came[0].outcome == "succeeded"
    assert house.latest(job).state == "SUCCEEDED"


class InProcess:
    """Hints that whoever hears gets at once, in the thread of who tells."""

    def __init__(self) -> None:
        self._heard: dict[str, list[Heard]] = {"watchers": [], "workers": []}

    def tell(self, audience: Audience, hint: Hint) -> None:
        for heard in list(self._heard[audience]):
            heard(hint)

    @contextmanager
    def hearing(self, audience: Audience, heard: Heard) -> Iterator[None]:
        self._heard[audience].append(heard)
        heard(None)
        try:
            yield
        finally:
            self._heard[audience].remove(heard)


class CountingStore:
    """A store that counts its reads, and can hold them up."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._changed = threading.Condition()
        self.gets = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def get(self, tenant: str, job_id: str) -> Job:
        with self._changed:
            self.gets += 1
            self._changed.notify_all()
        assert self.may_go_on.wait(PATIENCE_SECONDS)
        return self._store.get(tenant, job_id)

    def until(self, gets: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.gets >= gets, PATIENCE_SECONDS)

    def report(
        self, tenant: str, job_id: str, progress: Progress, *, fencing_token: int, now: datetime
    ) -> Job:
        return self._store.report(tenant, job_id, progress, fencing_token=fencing_token, now=now)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def reporter_on_hints(
    house: JobHouse, store: CountingStore, signals: InProcess, job: Job
) -> Reporter:
    """Give what reports of a job, and looks at its row when a hint says so alone."""
    return Reporter(
        replace(house.ports, store=store),
        job,
        rules=ON_HINTS_ALONE,
        now=lambda: house.now,
        is_stopping=lambda: False,
        signals=signals,
    )


def test_a_flood_of_hints_is_one_look(house: JobHouse) -> None:
    job = house.submit()
    store, signals = CountingStore(house.ports.store), InProcess()
    store.may_go_on.clear()
    reporter = reporter_on_hints(house, store, signals, job)
    reporter.begin()
    store.until(1)
    for _ in range(10_000):
        signals.tell("workers", Hint(tenant=job.tenant, job_id=job.id))
    store.may_go_on.set()
    store.until(2)
    reporter.drain()
    assert store.gets == 2


def test_hints_of_other_jobs_have_nobody_look(house: JobHouse) -> None:
    job = house.submit()
    store, signals = CountingStore(house.ports.store), InProcess()
    reporter = reporter_on_hints(house, store, signals, job)
    reporter.begin()
    store.until(1)
    for _ in range(1000):
        signals.tell("workers", Hint(tenant=job.tenant, job_id=new_job_id()))
        signals.tell("workers", Hint(tenant="other", job_id=job.id))
        signals.tell("watchers", Hint(tenant=job.tenant, job_id=job.id))
    reporter.drain()
    assert store.gets == 1
