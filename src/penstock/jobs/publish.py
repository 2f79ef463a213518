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

    Ends at the first one that can't be: its turn comes again. Holds 100 events.
    """
    sent = 0
    while waiting := ports.events.unpublished(limit=_AT_ONCE):
        for event in waiting:
            try:
                ports.publish.publish(event)
                ports.events.published(event)
            except BusyError:
                return sent
            sent += 1
        if len(waiting) < _AT_ONCE:
            break
    return sent
