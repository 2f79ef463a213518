"""Listening: whose a ticket is, which jobs a socket hears of, and what it missed of them.

Little is imported here, since the functions behind a gateway's sockets start with it.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress

from penstock.errors import UnknownJobError
from penstock.model.event import JobEvent, event_of
from penstock.model.job import ANONYMOUS, Job
from penstock.model.job_id import is_job_id
from penstock.ports import JobEvents, JobStore, Listener

MOST_REPLAYED = 50
"""Jobs of which a socket is told at once what it missed."""
MOST_SEQ = 2**63 - 1


def digest_of(ticket: str) -> str:
    """Give what is stored of a ticket."""
    return hashlib.sha256(ticket.encode()).hexdigest()


def may_hear_of(listener: Listener, job: Job) -> bool:
    """Whether a job is the listener's business; one that a visitor began is nobody's."""
    is_own = listener.is_admin or job.user == listener.user
    return job.tenant == listener.tenant and job.user != ANONYMOUS and is_own


def missed_of(events: JobEvents, job: Job, after_seq: int) -> list[JobEvent]:
    """Give a job's events above a number, and how far it is if it was told after all of them."""
    missed = events.after(job.tenant, job.id, after_seq)
    last = max((event.seq for event in missed), default=after_seq)
    if not job.is_over and job.progress.seq > last:
        missed.append(event_of(job, "job.progress", now=job.heartbeat_at or job.created))
    return missed


def missed(
    store: JobStore, events: JobEvents, listener: Listener, after: Mapping[str, int]
) -> list[JobEvent]:
    """Give what was missed of the listener's jobs; others are passed over like unknown ones.

    Raises BusyError.
    """
    found: list[JobEvent] = []
    for job_id, seq in after.items():
        with suppress(UnknownJobError):
            job = store.get(listener.tenant, job_id)
            if may_hear_of(listener, job):
                found += missed_of(events, job, seq)
    return found


def after_in(said: str) -> dict[str, int]:
    """Read what a socket asks for: `{"after": {job id: number of the last event it knows}}`.

    What is no such message asks for nothing, and neither do jobs behind the 50th.
    """
    try:
        document = json.loads(said)
    except (ValueError, RecursionError):
        return {}
    named = document.get("after") if isinstance(document, dict) else None
    if not isinstance(named, dict):
        return {}
    wanted = {
        job_id: seq
        for job_id, seq in named.items()
        if is_job_id(job_id) and type(seq) is int and 0 <= seq <= MOST_SEQ
    }
    return dict(list(wanted.items())[:MOST_REPLAYED])
