"""Visitors: what may be exported without a key, and how much of it at once."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from penstock import formats
from penstock.errors import (
    IdempotencyMismatchError,
    ResponseTooLargeError,
    TooManyAtOnceError,
    UnknownJobError,
)
from penstock.exports.check import FORMATS, Checked
from penstock.exports.slice_query import SliceParameters, read_query
from penstock.model.format import Style
from penstock.model.job import ANONYMOUS, STATES, TERMINAL, Job, hash_of
from penstock.ports import JobStore, JobsWanted
from penstock.reading.counting import count_rows, page_rows
from penstock.reading.engine import Allowance
from penstock.reading.estimate import weigh
from penstock.web.identity import Asker
from penstock.web.jobs.access import opener
from penstock.web.resources import Resources
from penstock.web.throttle import network_of

_RETRY_SECONDS = 10
_COUNT_SECONDS = 2.0
_MOST_ADDRESSES = 10_000

_Begin: TypeAlias = Callable[[], Job]


def refuse_too_large(resources: Resources, asker: Asker, checked: Checked) -> None:
    """Return if a slice is within what the tenant lets visitors export.

    Its rows are counted, and a sample of them weighed, where a cap may be crossed.

    Raises ResponseTooLargeError, QueryTimeoutError where the count takes more than 2 s, and what
    opening the dataset raises.
    """
    caps = asker.tenant.caps
    if caps.anonymous_export_rows is None and caps.anonymous_export_bytes is None:
        return
    params = dict(checked.params)
    extensions = params.pop(FORMATS, [])
    given = SliceParameters.model_validate(params)
    dataset = opener(resources, asker)(given.dataset, checked.dataset_version)
    query = read_query(
        given.query,
        dataset,
        extensions,
        signing_keys=lambda: resources.ports.keys.signing_keys(asker.tenant.id),
        filters=resources.limits.filters,
    )
    allowance = Allowance(seconds=_COUNT_SECONDS)
    rows = page_rows(
        count_rows(resources.reader, dataset, query.wanted, allowance=allowance), query.wanted
    )
    _refuse_above(caps.anonymous_export_rows, rows, unit="rows")
    if caps.anonymous_export_bytes is None:
        return
    for extension in extensions or ["csv"]:
        weight = weigh(
            resources.reader,
            dataset,
            query.wanted,
            written=formats.named(extension),
            style=query.styles.get(extension, Style()),
            allowance=allowance,
        )
        _refuse_above(caps.anonymous_export_bytes, round(rows * weight.encoded), unit="bytes")


def _refuse_above(cap: int | None, found: int, *, unit: str) -> None:
    if cap is not None and found > cap:
        raise ResponseTooLargeError(limit=cap, estimated=found, unit=unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    job: Job
    key: str | None
    what: str


class Turns:
    """Lets visitors begin jobs, one after the other, while few are under way.

    Those of a tenant are counted in the store; those of an address, or of a network of IPv6, are
    remembered by this process, with their Idempotency-Keys: to the store all visitors are one user,
    and the key of one must not give the job of another.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun: OrderedDict[tuple[str, str], dict[str, _Begun]] = OrderedDict()

    def take(
        self, store: JobStore, asker: Asker, checked: Checked, *, key: str | None, begin: _Begin
    ) -> Job:
        """Begin a job, or give the one under way that the same key began from the same address.

        Raises IdempotencyMismatchError if that was another one, TooManyAtOnceError, and what
        `begin` raises.
        """
        place = (asker.tenant.id, network_of(asker.address))
        caps = asker.tenant.caps
        what = hash_of({"type": checked.type.name, "params": checked.params})
        with self._lock:
            mine = self._under_way(store, place)
            for each in mine.values():
                if key is not None and each.key == key:
                    if each.what != what:
                        raise IdempotencyMismatchError
                    return each.job
            _refuse_from(caps.anonymous_jobs_per_address, len(mine))
            _refuse_from(caps.anonymous_jobs, _count(store, place[0], caps.anonymous_jobs))
            job = begin()
            mine[job.id] = _Begun(job=job, key=key, what=what)
            self._begun[place] = mine
            self._begun.move_to_end(place)
            if len(self._begun) > _MOST_ADDRESSES:
                self._begun.popitem(last=False)
            return job

    def _under_way(self, store: JobStore, place: tuple[str, str]) -> dict[str, _Begun]:
        found: dict[str, _Begun] = {}
        for job_id, begun in self._begun.get(place, {}).items():
            with suppress(UnknownJobError):
                if not store.get(place[0], job_id).is_over:
                    found[job_id] = begun
        return found


def _count(store: JobStore, tenant: str, most: int) -> int:
    return sum(
        len(store.list(tenant, JobsWanted(user=ANONYMOUS, state=state), limit=most))
        for state in STATES
        if state not in TERMINAL
    )


def _refuse_from(limit: int, count: int) -> None:
    if count >= limit:
        raise TooManyAtOnceError("jobs", limit=limit, retry_after_seconds=_RETRY_SECONDS)
