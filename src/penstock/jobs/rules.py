"""Rules: how long jobs may rest, how often they are tried, and how long they are kept."""

from dataclasses import dataclass
from datetime import timedelta

from penstock.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRules:
    """The settings of jobs; each has the job contract's value of itself."""

    heartbeat_seconds: float = 10
    """The longest that a living attempt is silent."""
    lease_seconds: float = 60
    """How long an observer must see no sign of life before an attempt counts as dead."""
    report_seconds: float = 0.5
    """The shortest time between two reports of progress."""
    start_seconds: float = 180
    """After this, doubled for each dispatch before, a job that nobody began is dispatched again."""
    start_doublings: int = 6
    attempts: int = 3
    """How often a job is begun before it fails for good."""
    retry_seconds: tuple[float, ...] = (2, 45)
    """The least wait before each further attempt; the last outlives a store that restarts."""
    cancel_seconds: float = 180
    """How long an attempt may take to end by itself once it is cancelled."""
    drain_seconds: float = 5
    """How long the end of an attempt waits for a report that is under way."""
    files_kept: timedelta = timedelta(days=7)
    rows_kept: timedelta = timedelta(days=90)


def rules_of(settings: Settings) -> JobRules:
    """Give the rules that a home is set to."""
    return JobRules(
        heartbeat_seconds=settings.job_heartbeat_seconds,
        lease_seconds=settings.job_lease_seconds,
        start_seconds=settings.job_start_seconds,
        attempts=settings.job_attempts,
        cancel_seconds=settings.job_cancel_seconds,
        files_kept=timedelta(days=settings.job_files_days),
        rows_kept=timedelta(days=settings.job_rows_days),
    )
