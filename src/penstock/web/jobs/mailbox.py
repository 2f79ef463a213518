"""A mailbox: the events that wait for one socket, of progress the latest alone."""

import asyncio
from collections import OrderedDict

from penstock.model.event import JobEvent

MOST_WAITING = 1000
"""At about a kilobyte each; a client that is further behind than this reads what it missed anew."""


class Mailbox:
    """Events on their way to one socket, in order; for one event loop.

    Of a job's progress only the last word waits, and it goes when something else happens to the
    job. `is_lost` says that more came than a mailbox holds: what waits is no longer all there is.
    """

    def __init__(self, *, most: int = MOST_WAITING) -> None:
        self._most = most
        self._waiting: OrderedDict[tuple[str, int], JobEvent] = OrderedDict()
        self._progress: dict[str, tuple[str, int]] = {}
        self._arrived = asyncio.Event()
        self.is_lost = False

    def put(self, event: JobEvent) -> None:
        """Lay an event in; of one job they come in the order of their numbers."""
        replaced = self._progress.pop(event.job_id, None)
        if replaced is not None:
            self._waiting.pop(replaced, None)
        place = (event.job_id, event.seq)
        self._waiting[place] = event
        if event.name == "job.progress":
            self._progress[event.job_id] = place
        if len(self._waiting) > self._most:
            self.lose()
        self._arrived.set()

    def lose(self) -> None:
        """Drop what waits, and say so to whoever takes next."""
        self.is_lost = True
        self._waiting.clear()
        self._progress.clear()
        self._arrived.set()

    async def take(self) -> JobEvent | None:
        """Give the event that waits longest, once there is one; None once events were lost."""
        while not self._waiting and not self.is_lost:
            self._arrived.clear()
            await self._arrived.wait()
        if self.is_lost:
            return None
        place, event = self._waiting.popitem(last=False)
        if self._progress.get(event.job_id) == place:
            del self._progress[event.job_id]
        return event

    async def lost(self) -> None:
        """Return once events were lost."""
        while not self.is_lost:
            self._arrived.clear()
            await self._arrived.wait()
