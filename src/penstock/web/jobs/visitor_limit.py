"""Visitor limit: how many jobs of visitors may be under way at once."""

import threading
from collections.abc import Callable
from typing import TypeAlias

from penstock.errors import TooManyAtOnceError
from penstock.jobs.submit import Submission, stored_key
from penstock.model.job import ANONYMOUS, Job
from penstock.model.job_state import STATES, TERMINAL
from penstock.model.signature import pseudonym
from penstock.ports import JobFilter, JobStore
from penstock.web.front.identity import Asker
from penstock.web.front.throttle import network_of
from penstock.web.resources import Resources

_RETRY_SECONDS = 10
_LOCKS = 64
"""Tenants that share one wait for each other; there may be any number of tenants."""

_Begin: TypeAlias = Callable[[Submission], Job]


def visitor_of(resources: Resources, asker: Asker) -> str:
    """Name whoever asks from an address, or from a network of IPv6, as jobs do.

    The name is the same for as long as the tenant's signing key, and tells nobody the address.
    """
    key = resources.ports.keys.signing_keys(asker.tenant.id)[0]
    return pseudonym(key, network_of(asker.address), context=asker.tenant.id)


class VisitorLimit:
    """Lets the visitors of a tenant begin jobs, one after the other, while few are under way.

    Jobs are counted where they are stored, whichever process took them. Two processes that count at
    the same moment may let one more through: a limit is not a lock.
    """

    def __init__(self) -> None:
        self._locks = tuple(threading.Lock() for _ in range(_LOCKS))

    def take(self, store: JobStore, asker: Asker, wanted: Submission, *, begin: _Begin) -> Job:
        """Begin a job, or have the one given that its idempotency key began.

        Raises TooManyAtOnceError, and what `begin` raises.
        """
        tenant, caps = asker.tenant.id, asker.tenant.caps
        with self._locks[hash(tenant) % _LOCKS]:
            under_way = _under_way(store, tenant, most=caps.anonymous_jobs)
            key = stored_key(wanted.idempotency_key, user=wanted.user, visitor=wanted.visitor)
            if key is None or all(job.idempotency_key != key for job in under_way):
                mine = sum(job.visitor == wanted.visitor for job in under_way)
                _refuse_from(caps.anonymous_jobs_per_address, mine)
                _refuse_from(caps.anonymous_jobs, len(under_way))
            return begin(wanted)


def _under_way(store: JobStore, tenant: str, *, most: int) -> list[Job]:
    return [
        job
        for state in STATES
        if state not in TERMINAL
        for job in store.list(tenant, JobFilter(user=ANONYMOUS, state=state), limit=most)
    ]


def _refuse_from(limit: int, count: int) -> None:
    if count >= limit:
        raise TooManyAtOnceError("jobs", limit=limit, retry_after_seconds=_RETRY_SECONDS)
