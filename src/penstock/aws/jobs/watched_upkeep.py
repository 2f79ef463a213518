"""Watched upkeep: what this process saw of unfinished jobs, beside what any sweeper stored."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

from penstock.jobs.sweep import pulse_of
from penstock.model.job import Job
from penstock.ports import JobUpkeep, Observation


class WatchedUpkeep:
    """Another JobUpkeep, whose observations are as old as this process itself knows them to be.

    The clock of `observer` tells no more than a span that a look was in, so what is stored counts
    for less than it may be. A process that looked before measures by `monotonic` how long a job
    shows one pulse, which holds exactly; its `seconds` say what that is by the observer's clock.

    Holds a pulse for each unfinished job. For one thread.
    """

    def __init__(
        self,
        stored: JobUpkeep,
        *,
        observer: str,
        seconds: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._stored = stored
        self._observer = observer
        self._seconds = seconds
        self._monotonic = monotonic
        self._since: dict[tuple[str, str], tuple[str, float]] = {}

    def unfinished(self) -> Iterator[tuple[Job, Observation | None]]:
        before, self._since = self._since, {}
        for job, seen in self._stored.unfinished():
            yield job, self._older(seen, before, job)

    def observe(self, job: Job, observation: Observation) -> None:
        self._stored.observe(job, observation)

    def outdated(self, *, now: datetime, rows_before: datetime) -> Iterator[Job]:
        return self._stored.outdated(now=now, rows_before=rows_before)

    def remove(self, tenant: str, job_id: str) -> None:
        self._stored.remove(tenant, job_id)

    def _older(
        self, seen: Observation | None, before: dict[tuple[str, str], tuple[str, float]], job: Job
    ) -> Observation | None:
        place, pulse, now = (job.tenant, job.id), pulse_of(job), self._monotonic()
        known, since = before.get(place, ("", now))
        since = since if known == pulse else now
        self._since[place] = (pulse, since)
        if seen is None or (seen.pulse, seen.observer) != (pulse, self._observer):
            return seen
        return replace(seen, seconds=min(seen.seconds, self._seconds() - (now - since)))
