"""Handler of the function that looks for jobs which were dropped, died, or are kept no longer."""

import logging
from dataclasses import asdict
from datetime import datetime
from functools import cache
from typing import Any

from penstock.aws.jobs.ports import job_ports
from penstock.aws.logs.requests import log_as_json
from penstock.aws.services.clients import Clients
from penstock.jobs.rules import rules_of
from penstock.jobs.sweep import Sweeper, sweep
from penstock.model.clock import utc_now
from penstock.ports import JobPorts
from penstock.settings import JobSettings, from_environment

_OBSERVER = "scheduler"

_log = logging.getLogger("penstock.jobs")


def look_after(event: dict[str, Any], _context: Any) -> dict[str, int]:
    """Sweep once (SweepFunction); tells how many jobs and events something was done for.

    What is compared is the schedule's own clock, which `scheduled` tells, whichever machine runs
    this: one observer. Raises BusyError where the table can't be used; the next sweep does it all.
    """
    settings, ports = _parts()
    seconds = datetime.fromisoformat(event["scheduled"]).timestamp()
    swept = sweep(
        Sweeper(
            ports=ports,
            rules=rules_of(settings),
            observer=_OBSERVER,
            seconds=lambda: seconds,
            now=utc_now,
        )
    )
    done = asdict(swept)
    _log.info("swept", extra=done)
    return done


@cache
def _parts() -> tuple[JobSettings, JobPorts]:
    """Compose once for as long as this environment lives."""
    settings = from_environment(JobSettings)
    log_as_json(service=settings.service)
    return settings, job_ports(settings, Clients())
