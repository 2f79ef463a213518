import asyncio
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from tests.flows.job_steps import Worker, through, working_in

from penstock.local.jobs.ports import LocalJobs, local_jobs
from penstock.model.event import JobEvent
from penstock.model.job import Job
from penstock.ports import Feed, Listener
from penstock.web.jobs.hub import Hub, Subscriber

PATIENCE_SECONDS = 30
ADA = Listener(tenant="acme", user="ada", is_admin=False)
ADMIN = Listener(tenant="acme", user="root", is_admin=True)

Given = TypeVar("Given")


def looking_on(home: Path, look: Callable[[Hub, Worker], Awaitable[Given]]) -> Given:
    """Run a test within a loop, with a hub over a home's jobs and a worker in another process."""

    async def bounded(jobs: LocalJobs, worker: Worker) -> Given:
        hub = Hub(jobs.store, jobs.ports.events, jobs.ports.upkeep)
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await look(hub, worker)

    with local_jobs(home) as jobs, working_in(home) as worker:
        return asyncio.run(bounded(jobs, worker))


async def until(subscriber: Subscriber, name: str, job: Job) -> list[JobEvent]:
    found = []
    while True:
        event = await subscriber.mailbox.take()
        assert event is not None
        found.append(event)
        if (event.name, event.job_id) == (name, job.id):
            return found


def test_what_happens_after_a_join_is_heard_and_what_was_before_is_not(tmp_path: Path) -> None:
    async def look(hub: Hub, worker: Worker) -> None:
        before = worker.begin()
        worker.start(before)
        over = worker.begin()
        through(worker, over)
        subscriber = await hub.join(ADA)
        job = worker.begin()
        through(worker, job)
        worker.succeed(before)
        events = await until(subscriber, "job.succeeded", before)
        names = [(event.job_id, event.name) for event in events if event.name != "job.progress"]
        assert names == [
            (job.id, "job.accepted"),
            (job.id, "job.started"),
            (job.id, "job.started"),
            (job.id, "job.succeeded"),
            (before.id, "job.succeeded"),
        ]
        hub.leave(subscriber)

    looking_on(tmp_path, look)


def test_of_a_job_that_was_over_only_its_news_is_told(tmp_path: Path) -> None:
    async def look(hub: Hub, worker: Worker) -> None:
        job = worker.begin()
        through(worker, job)
        subscriber = await hub.join(ADA)
        worker.expire(job)
        assert [event.name for event in await until(subscriber, "job.expired", job)] == [
            "job.expired"
        ]
        hub.leave(subscriber)

    looking_on(tmp_path, look)


def test_each_hears_of_the_own_jobs_and_an_admin_of_all(tmp_path: Path) -> None:
    async def look(hub: Hub, worker: Worker) -> None:
        ada, admin = await hub.join(ADA), await hub.join(ADMIN)
        assert (hub.count("acme", "ada"), hub.count("acme", "eve")) == (1, 0)
        eves, visitors = worker.begin(user="eve"), worker.begin(user="anonymous")
        elsewhere, adas = worker.begin(tenant="other"), worker.begin()
        heard = await until(ada, "job.accepted", adas)
        assert {event.job_id for event in heard} == {adas.id}
        heard = await until(admin, "job.accepted", adas)
        assert {event.job_id for event in heard} == {eves.id, adas.id}
        assert not {visitors.id, elsewhere.id} & {event.job_id for event in heard}
        hub.leave(ada)
        hub.leave(admin)
        assert hub.count("acme", "ada") == 0

    looking_on(tmp_path, look)


def test_who_joins_again_and_again_hears_nothing_twice(tmp_path: Path) -> None:
    async def look(hub: Hub, worker: Worker) -> None:
        seen: set[tuple[str, int]] = set()
        for _ in range(20):
            subscriber = await hub.join(ADA)
            job = worker.begin()
            for event in await until(subscriber, "job.accepted", job):
                assert (event.job_id, event.seq) not in seen
                seen.add((event.job_id, event.seq))
            hub.leave(subscriber)

    looking_on(tmp_path, look)


class SpoiltFeed:
    """A feed that fails, once it is spoilt, in a way that nobody foresaw."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.is_spoilt = False

    def last_change(self) -> int:
        return self._feed.last_change()

    def changes_after(self, change: int, *, limit: int) -> list[tuple[int, Job]]:
        if self.is_spoilt:
            raise sqlite3.DatabaseError("the file is damaged")
        return self._feed.changes_after(change, limit=limit)


def test_a_store_that_fails_ends_every_mailbox_so_that_clients_come_back(tmp_path: Path) -> None:
    async def look(jobs: LocalJobs, worker: Worker) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            feed = SpoiltFeed(jobs.store)
            hub = Hub(feed, jobs.ports.events, jobs.ports.upkeep)
            subscriber = await hub.join(ADA)
            worker.begin()
            assert await subscriber.mailbox.take() is not None
            feed.is_spoilt = True
            while await subscriber.mailbox.take() is not None:
                pass
            assert subscriber.mailbox.is_lost
            hub.leave(subscriber)

    with local_jobs(tmp_path) as jobs, working_in(tmp_path) as worker:
        asyncio.run(look(jobs, worker))


class HeldFeed:
    """A feed whose looks can be held up before they read what has changed."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.entered = threading.Event()

    def last_change(self) -> int:
        return self._feed.last_change()

    def changes_after(self, change: int, *, limit: int) -> list[tuple[int, Job]]:
        self.entered.set()
        assert self.goes_on.wait(PATIENCE_SECONDS)
        return self._feed.changes_after(change, limit=limit)


def test_who_joins_while_a_look_is_under_way_hears_of_what_happens_then(tmp_path: Path) -> None:
    async def look(jobs: LocalJobs, worker: Worker) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            feed = HeldFeed(jobs.store)
            hub = Hub(feed, jobs.ports.events, jobs.ports.upkeep)
            other = await hub.join(Listener(tenant="acme", user="bob", is_admin=False))
            feed.goes_on.clear()
            feed.entered.clear()
            await asyncio.to_thread(feed.entered.wait, PATIENCE_SECONDS)
            subscriber = await hub.join(ADA)
            job = worker.begin()
            feed.goes_on.set()
            assert await until(subscriber, "job.accepted", job)
            hub.leave(subscriber)
            hub.leave(other)

    with local_jobs(tmp_path) as jobs, working_in(tmp_path) as worker:
        asyncio.run(look(jobs, worker))


def test_a_look_can_be_asked_for_from_any_thread(tmp_path: Path) -> None:
    async def look(hub: Hub, worker: Worker) -> None:
        subscriber = await hub.join(ADA)
        await asyncio.to_thread(hub.wake)
        job = worker.begin()
        await asyncio.to_thread(hub.wake)
        assert await until(subscriber, "job.accepted", job)
        hub.leave(subscriber)

    looking_on(tmp_path, look)


@pytest.fixture
def tmp_path(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    return home
