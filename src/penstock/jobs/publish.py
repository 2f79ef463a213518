"""Publishing: events go to whoever listens, at least once, after they were stored."""

from contextlib import suppress

from penstock.errors import BusyError
from penstock.model.event import JobEvent
from penstock.ports import JobPorts

_AT_ONCE = 100


def hand_on(ports: JobPorts, event: JobEvent) -> None:
    """Publish a stored event, and say that it was; where that fails, a sweep does it later."""
    with suppress(BusyError):
        ports.publish.publish(event)
        ports.events.published(event)


def empty_outbox(ports: JobPorts) -> int:
    """Publish what is stored and was not published yet; gives how many events went out.

    One that can't be published now is passed over: its turn comes again, and those behind it don't
    wait. Holds 100 events.
    """
    sent = 0
    while True:
        waiting = ports.events.unpublished(limit=_AT_ONCE)
        left = 0
        for event in waiting:
            try:
                ports.publish.publish(event)
                ports.events.published(event)
                sent += 1
            except BusyError:
                left += 1
        if left or len(waiting) < _AT_ONCE:
            return sent
