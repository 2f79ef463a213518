"""The hub: one look-out for news of jobs, for all sockets of this process."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from penstock.errors import BusyError
from penstock.errors.location import code_path
from penstock.model.event import JobEvent, event_of
from penstock.model.job import Job
from penstock.ports import Feed, Hint, JobEvents, JobUpkeep, Listener, Signals
from penstock.signals.silent import SILENT
from penstock.web.jobs.listening import may_hear_of
from penstock.web.jobs.mailbox import Mailbox
from penstock.web.jobs.requests import BEFORE_ALL

_LOOK_SECONDS = 0.1
_REST_SECONDS = 0.02
"""The shortest time between two looks, however many hints come."""
_BUSY_SECONDS = 1.0
_CHANGES_AT_ONCE = 500
_MOST_KNOWN = 20_000

_log = logging.getLogger("penstock.web")


@dataclass(frozen=True, slots=True, eq=False)
class Subscriber:
    """One socket: who listens, and what waits for it."""

    listener: Listener
    mailbox: Mailbox = field(default_factory=Mailbox)

    def may_hear_of(self, job: Job) -> bool:
        """Whether a job is the listener's business; one that a visitor began is nobody's."""
        return may_hear_of(self.listener, job)


class JobNews:
    """What happened to jobs since the last look; each look in a thread, one after the other.

    A look that nobody waits for any more may still be under way when another JobNews begins: they
    share nothing.
    """

    def __init__(self, feed: Feed, events: JobEvents) -> None:
        self._feed = feed
        self._events = events
        self._change = 0
        self._told: OrderedDict[tuple[str, str], int] = OrderedDict()

    def begin(self, upkeep: JobUpkeep) -> None:
        """Say that all up to now is known."""
        # The place first: what changes while the rest is read is looked at again.
        self._change = self._feed.last_change()
        for job, _ in upkeep.unfinished():
            self._told[job.tenant, job.id] = job.progress.seq

    def look(
        self, subscribers_now: Callable[[], frozenset[Subscriber]]
    ) -> tuple[list[tuple[Job, list[JobEvent]]], bool]:
        """Give what subscribers are to be told of jobs that changed, and whether it is all.

        Of a look that fails midway, nothing counts as told.
        """
        changes = self._feed.changes_after(self._change, limit=_CHANGES_AT_ONCE)
        # Not before: what was stored since somebody joined may be among the changes.
        subscribers = subscribers_now()
        found: list[tuple[Job, list[JobEvent]]] = []
        told: dict[tuple[str, str], int] = {}
        for _, job in changes:
            last = self._told.get((job.tenant, job.id))
            seq = max(job.progress.seq, BEFORE_ALL if last is None else last)
            if any(subscriber.may_hear_of(job) for subscriber in subscribers):
                events = self._events_since(job, last)
                found.append((job, events))
                seq = max([seq, *(event.seq for event in events)])
            told[job.tenant, job.id] = seq
        for place, seq in told.items():
            self._told[place] = seq
            self._told.move_to_end(place)
        while len(self._told) > _MOST_KNOWN:
            self._told.popitem(last=False)
        self._change = changes[-1][0] if changes else self._change
        return found, len(changes) < _CHANGES_AT_ONCE

    def _events_since(self, job: Job, last: int | None) -> list[JobEvent]:
        begun = BEFORE_ALL if last is None else last
        events = self._events.after(job.tenant, job.id, begun)
        if last is None and job.state == "EXPIRED":
            # It was over before anybody listened: the rest of it is no news.
            events = events[-1:]
        newest = max((event.seq for event in events), default=begun)
        if not job.is_over and job.progress.seq > newest:
            at = job.heartbeat_at or job.created
            events.append(event_of(job, "job.progress", now=at))
        return events


class Hub:
    """Looks for changed jobs while anybody listens, and tells each listener of its own ones.

    What is stored after `join` has returned reaches the subscriber's mailbox, in order for each
    job; or the mailbox is lost, so that its client comes back and replays. A hint of `signals` has
    it look before its time. For one event loop.
    """

    def __init__(
        self,
        feed: Feed,
        events: JobEvents,
        upkeep: JobUpkeep,
        signals: Signals = SILENT,
        *,
        look_seconds: float = _LOOK_SECONDS,
    ) -> None:
        self._feed = feed
        self._events = events
        self._upkeep = upkeep
        self._signals = signals
        self._look_seconds = look_seconds
        self._subscribers: frozenset[Subscriber] = frozenset()
        self._woken = asyncio.Event()
        self._joining = asyncio.Lock()
        self._running: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()

    async def join(self, listener: Listener) -> Subscriber:
        """Begin to listen. Raises BusyError where the store of jobs can't be read."""
        async with self._joining:
            if self._running is None or self._running.done():
                news = JobNews(self._feed, self._events)
                await asyncio.to_thread(news.begin, self._upkeep)
                self._running = asyncio.create_task(self._run(news))
            subscriber = Subscriber(listener)
            self._subscribers |= {subscriber}
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        """Listen no more; with the last one, the look-out ends."""
        self._subscribers -= {subscriber}
        if not self._subscribers and self._running is not None:
            self._running.cancel()
            self._running = None

    def count(self, tenant: str, user: str) -> int:
        """Tell how many sockets a user has open here."""
        return sum(
            subscriber.listener.tenant == tenant and subscriber.listener.user == user
            for subscriber in self._subscribers
        )

    def wake(self) -> None:
        """Look at once, since somebody says that there is news; from any thread."""
        if not self._woken.is_set():
            # Whoever says so may not know yet that the service has ended, and its loop with it.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._woken.set)

    def _hear(self, _hint: Hint | None) -> None:
        self.wake()

    async def _run(self, news: JobNews) -> None:
        with self._signals.hearing("watchers", self._hear):
            await self._look_on(news)

    async def _look_on(self, news: JobNews) -> None:
        while True:
            # First of all: what is said while a look is under way is looked at by another one.
            self._woken.clear()
            rest = _REST_SECONDS
            try:
                found, is_all = await asyncio.to_thread(news.look, lambda: self._subscribers)
                for job, events in found:
                    self._tell(job, events)
                if not is_all:
                    continue
            except BusyError:
                rest = _BUSY_SECONDS
            except Exception as error:  # noqa: BLE001 - logged; clients come back and replay
                _log.error("the look-out for jobs failed: %s", code_path(error))
                for subscriber in self._subscribers:
                    subscriber.mailbox.lose()
                return
            await asyncio.sleep(rest)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._look_seconds - rest):
                    await self._woken.wait()

    def _tell(self, job: Job, events: Sequence[JobEvent]) -> None:
        for subscriber in self._subscribers:
            if subscriber.may_hear_of(job):
                for event in events:
                    subscriber.mailbox.put(event)
