"""Handler of the function that looks for jobs which were dropped, died, or are kept no longer."""

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime
from functools import cache
from typing import Any

from penstock.aws.jobs.ports import job_ports
from penstock.aws.jobs.watched_upkeep import WatchedUpkeep
from penstock.aws.logs.lines import log_as_json
from penstock.aws.services.clients import Clients
from penstock.jobs.rules import JobRules, rules_of
from penstock.jobs.sweep import SweepCounts, Sweeper, sweep
from penstock.model.clock import utc_now
from penstock.ports import JobPorts
from penstock.settings import JobSettings, from_environment

LATE_SECONDS = 60 + 60 + 10
"""How much later than it is scheduled for a sweep may begin: the schedule is precise to a minute
("Schedule types in EventBridge Scheduler"), Lambda hands its event on within another one
(`MaximumEventAgeInSeconds`, template.yaml), and an environment starts within 10 s."""

_OBSERVER = "scheduler"

_log = logging.getLogger("penstock.jobs")


def look_after(event: dict[str, Any], _context: Any) -> dict[str, int]:
    """Sweep once (SweepFunction); tells how many jobs and events something was done for.

    Raises BusyError where the table can't be used; the next sweep does it all.
    """
    swept = _sweeps().once(datetime.fromisoformat(event["scheduled"]).timestamp())
    done = asdict(swept)
    _log.info("swept", extra=done)
    return done


class Sweeps:
    """The sweeps of one environment, which remembers what it saw in those before.

    The schedule's own clock, whichever machine runs this, is one observer. It tells when a sweep
    was due, which then begins up to LATE_SECONDS later: of two sweeps, no more than what lies
    between the latest moment of the first and the earliest of the second counts. What this
    environment saw itself counts by its own clock.
    """

    def __init__(
        self,
        ports: JobPorts,
        rules: JobRules,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        watched = WatchedUpkeep(
            ports.upkeep, observer=_OBSERVER, seconds=self._seconds, monotonic=monotonic
        )
        self._ports = replace(ports, upkeep=watched)
        self._rules = rules
        self._now = now
        self._monotonic = monotonic
        self._scheduled = self._begun = 0.0

    def once(self, scheduled: float) -> SweepCounts:
        """Sweep as the schedule has it at a time, in seconds since 1970. Raises BusyError."""
        self._scheduled, self._begun = scheduled, self._monotonic()
        return sweep(
            Sweeper(
                ports=self._ports,
                rules=self._rules,
                observer=_OBSERVER,
                seconds=self._seconds,
                now=self._now,
                late_seconds=LATE_SECONDS,
            )
        )

    def _seconds(self) -> float:
        return self._scheduled + self._monotonic() - self._begun


@cache
def _sweeps() -> Sweeps:
    """Compose once for as long as this environment lives."""
    settings = from_environment(JobSettings)
    log_as_json(service=settings.service)
    return Sweeps(
        job_ports(settings, Clients()),
        rules_of(settings),
        now=utc_now,
        monotonic=time.monotonic,
    )
