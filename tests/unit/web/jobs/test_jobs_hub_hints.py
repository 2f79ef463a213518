"""The hub and hints: it looks when it is told to, and not more often than it should."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.flows.job_steps import Worker, through
from tests.redis_parts import PATIENCE_SECONDS, RedisServer, a_hint, redis_server, signals_by

from penstock.local.jobs.ports import LocalJobs, local_jobs
from penstock.model.job import Job
from penstock.ports import Audience, Feed, Heard, Hint, Listener, Signals
from penstock.web.jobs.hub import Hub, Subscriber

ADA = Listener(tenant="acme", user="ada", is_admin=False)
NEVER_SECONDS = 3600.0
"""The hub looks by itself so seldom that in a test it never does."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    return home


def listening(hub: Callable[[], Hub], look: Callable[[Hub, Subscriber], Awaitable[None]]) -> None:
    """Run a test within a loop, as a subscriber of a hub."""

    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            made = hub()
            subscriber = await made.join(ADA)
            await look(made, subscriber)
            made.leave(subscriber)

    asyncio.run(bounded())


async def until(subscriber: Subscriber, name: str, job: Job) -> None:
    while True:
        event = await subscriber.mailbox.take()
        assert event is not None
        if (event.name, event.job_id) == (name, job.id):
            return


def test_what_other_processes_do_is_heard_of_by_hints_alone(
    home: Path, server: RedisServer
) -> None:
    with (
        signals_by(server.url, scope="hub") as signals,
        signals_by(server.url, scope="hub") as elsewhere,
        local_jobs(home) as jobs,
        local_jobs(home, signals=elsewhere) as others,
    ):

        async def look(_: Hub, subscriber: Subscriber) -> None:
            worker = Worker(others.ports)
            for _each in range(5):
                job = await asyncio.to_thread(worker.begin)
                await asyncio.to_thread(through, worker, job)
                await until(subscriber, "job.succeeded", job)

        listening(lambda: hub_of(jobs, signals), look)


def hub_of(jobs: LocalJobs, signals: Signals, feed: Feed | None = None) -> Hub:
    return Hub(
        feed or jobs.store,
        jobs.ports.events,
        jobs.ports.upkeep,
        signals,
        look_seconds=NEVER_SECONDS,
    )


class Loud:
    """Hints that a test makes as it likes."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.is_heard = threading.Event()

    def tell(self, audience: Audience, hint: Hint) -> None:
        raise AssertionError((audience, hint))

    @contextmanager
    def hearing(self, audience: Audience, heard: Heard) -> Iterator[None]:
        assert audience == "watchers"
        self.heard.append(heard)
        self.is_heard.set()
        try:
            yield
        finally:
            self.heard.remove(heard)


class CountingFeed:
    """A feed that counts how often it is looked at, and can hold looks up."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.looks = 0
        self.is_looked_at = threading.Event()
        self.may_go_on = threading.Event()

    def last_change(self) -> int:
        return self._feed.last_change()

    def changes_after(self, change: int, *, limit: int) -> list[tuple[int, Job]]:
        self.looks += 1
        self.is_looked_at.set()
        assert self.may_go_on.wait(PATIENCE_SECONDS)
        return self._feed.changes_after(change, limit=limit)


def test_a_flood_of_hints_is_one_look_and_the_last_one_is_heeded(home: Path) -> None:
    with local_jobs(home) as jobs:
        signals, feed = Loud(), CountingFeed(jobs.store)

        async def look(_: Hub, subscriber: Subscriber) -> None:
            assert await asyncio.to_thread(feed.is_looked_at.wait, PATIENCE_SECONDS)
            worker = Worker(jobs.ports)
            job = await asyncio.to_thread(worker.begin)
            await asyncio.to_thread(flood, signals.heard[0])
            feed.may_go_on.set()
            await until(subscriber, "job.accepted", job)
            assert feed.looks <= 2

        listening(lambda: hub_of(jobs, signals, feed), look)
        assert signals.heard == []


def flood(heard: Heard) -> None:
    for number in range(10_000):
        heard(a_hint(number % 7))


def test_a_hint_that_comes_when_the_loop_is_over_is_nobodys(home: Path) -> None:
    with local_jobs(home) as jobs:
        signals = Loud()
        kept: list[Heard] = []

        async def look(_: Hub, subscriber: Subscriber) -> None:
            assert await asyncio.to_thread(signals.is_heard.wait, PATIENCE_SECONDS)
            kept.extend(signals.heard)

        listening(lambda: hub_of(jobs, signals), look)
        flood(kept[0])
