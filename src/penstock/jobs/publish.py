"""Publishing: events go to whoever listens, at least once, after they were stored."""

from contextlib import suppress

from penstock.errors import BusyError, UnknownJobError
from penstock.model.event import JobEvent
from penstock.model.message import message_of
from penstock.ports import JobPorts

_AT_ONCE = 100


def hand_on(ports: JobPorts, event: JobEvent) -> None:
    """Publish a stored event, and say that it was; where that fails, a sweep does it later.

    With the word that a job failed for good, its files go, and it is laid where people look at it,
    as a dead letter: who dies before that leaves the event, and so all of it, to the next sweep.
    """
    with suppress(BusyError):
        _hand_on(ports, event)


def tell_again(ports: JobPorts, event: JobEvent) -> None:
    """Publish an event once more, for whoever didn't hear it; as far as that works now."""
    with suppress(BusyError):
        ports.publish.publish(event)


def empty_outbox(ports: JobPorts) -> int:
    """Hand on what is stored and was not published yet; gives how many events went out.

    One that can't be published now is passed over: its turn comes again, and those behind it don't
    wait. Holds 100 events.
    """
    sent = 0
    while True:
        waiting = ports.events.unpublished(limit=_AT_ONCE)
        left = 0
        for event in waiting:
            try:
                _hand_on(ports, event)
                sent += 1
            except BusyError:
                left += 1
        if left or len(waiting) < _AT_ONCE:
            return sent


def _hand_on(ports: JobPorts, event: JobEvent) -> None:
    ports.publish.publish(event)
    if event.name == "job.failed":
        _lay_to_rest(ports, event)
    ports.events.published(event)


def _lay_to_rest(ports: JobPorts, event: JobEvent) -> None:
    try:
        job = ports.store.get(event.tenant, event.job_id)
    except UnknownJobError:
        return
    # It may have been redriven since: its letter was there, then.
    if job.progress.seq == event.seq and event.error is not None:
        ports.outputs.remove(job.tenant, job.folder)
        reason = f"{event.error.code}: {event.error.message}"
        ports.dispatch.bury(message_of(job), reason=reason)
