"""Publishing: events go to whoever listens, at least once, after they were stored."""

from contextlib import suppress

from penstock.errors import BusyError, UnknownJobError
from penstock.model.event import JobEvent
from penstock.model.message import message_of
from penstock.ports import JobPorts

_AT_ONCE = 100
_MOST_LEFT = 1_000
"""Events that can't be published, beyond which a sweep looks for no further ones that can."""


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
        ports.publisher.publish(event)


def empty_outbox(ports: JobPorts) -> int:
    """Hand on what is stored and was not published yet; gives how many events went out.

    One that can't be published is passed over: its turn comes again, and those behind it don't
    wait. Holds 100 events, and the names of those that were passed over.

    Raises, behind all of them, what nobody foresaw of one, such as a job's row that can't be read.
    """
    sent, left = 0, set[tuple[str, str, int]]()
    unforeseen: Exception | None = None
    while True:
        is_busy = False
        waiting = ports.events.unpublished(limit=_AT_ONCE + len(left))
        new = [event for event in waiting if _name(event) not in left]
        for event in new:
            try:
                _hand_on(ports, event)
                sent += 1
            except BusyError:
                is_busy = True
                left.add(_name(event))
            except Exception as error:  # noqa: BLE001 - it is raised behind the others
                unforeseen = unforeseen or error
                left.add(_name(event))
        if is_busy or not new or len(left) >= _MOST_LEFT:
            break
    if unforeseen is not None:
        raise unforeseen
    return sent


def _name(event: JobEvent) -> tuple[str, str, int]:
    return event.tenant, event.job_id, event.seq


def _hand_on(ports: JobPorts, event: JobEvent) -> None:
    ports.publisher.publish(event)
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
