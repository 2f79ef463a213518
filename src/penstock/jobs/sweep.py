"""Sweeping: finding jobs that were dropped, died, were cancelled in vain, or are kept no longer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from penstock.errors import BusyError, JobStateError, StaleJobError, UnknownJobError
from penstock.jobs.cancel import end_cancelled
from penstock.jobs.publish import empty_outbox
from penstock.jobs.rules import JobRules
from penstock.jobs.steps import take_step
from penstock.jobs.submit import dispatch
from penstock.model.fault import JobFault
from penstock.model.job import Job
from penstock.ports import JobPorts, Observation


@dataclass(slots=True, kw_only=True)
class SweepCounts:
    """How many jobs, or events, a sweep did something for."""

    dispatched: int = 0
    stalled: int = 0
    failed: int = 0
    cancelled: int = 0
    expired: int = 0
    forgotten: int = 0
    published: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweeper:
    """Who looks, and by which clock: `observer` names the clock that `seconds` counts by.

    What one observer saw is compared with what the same one sees later: no two machines' clocks
    ever are, and one that begins anew is another observer.

    A clock may say no more than that it is `seconds` or up to `late_seconds` later. Then it rested
    from the latest moment that a look can have been at to the earliest that this one can be at.
    """

    ports: JobPorts
    rules: JobRules
    observer: str
    seconds: Callable[[], float]
    now: Callable[[], datetime]
    late_seconds: float = 0
    on_forced_end: Callable[[str], None] = lambda _owner: None
    """Told whose lease it was, where a cancelled job was ended without the attempt that had it."""


def sweep(sweeper: Sweeper) -> SweepCounts:
    """Look at every job that isn't over, once, and at what is kept no longer.

    Each job's change is a step of its own: a sweep that ends in the midst, or runs beside another,
    does no harm. A job for which the store or the files are out of reach holds no other up: what it
    raised is raised behind all of them. Raises BusyError.
    """
    swept, busy = SweepCounts(), list[BusyError]()
    for job, seen in sweeper.ports.upkeep.unfinished():
        with _passing_over(busy):
            _observe(sweeper, job, seen, swept)
    _remove_outdated(sweeper, swept, busy)
    swept.published = empty_outbox(sweeper.ports)
    if busy:
        raise busy[0]
    return swept


def pulse_of(job: Job) -> str:
    """Give what changes with each sign of life of a job in its state."""
    signs: tuple[object, ...]
    match job.state:
        case "RUNNING" | "FINALIZING":
            signs = (job.attempt, job.fencing_token, job.heartbeat)
        case "CANCELLING":
            # An attempt may go on beating and never end.
            signs = (job.fencing_token,)
        case _:
            signs = (job.attempt, job.dispatches)
    return ":".join(str(sign) for sign in (job.state, *signs))


def release(sweeper: Sweeper, job: Job, *, swept: SweepCounts) -> None:
    """Take a dead attempt's lease away, and have the job worked on again or end it.

    Raises StaleJobError where somebody else did, or the attempt lives.
    """
    ports, now = sweeper.ports, sweeper.now()
    if job.attempt < sweeper.rules.attempts:
        job = take_step(ports, job, _only(job, Job.stalling), now=now, event="job.stalled")
        dispatch(ports, job, now=now)
        swept.stalled += 1
        return
    fault = JobFault(
        code="stalled",
        kind="recoverable",
        message=f"The job's worker died in each of {job.attempt} attempts.",
        retryable=True,
    )
    failing = _only(job, partial(Job.failed, fault=fault, now=now))
    take_step(ports, job, failing, now=now, event="job.failed")
    swept.failed += 1


@contextmanager
def _passing_over(busy: list[BusyError]) -> Iterator[None]:
    """Let one job be, where somebody took a step just now, or what it needs is out of reach."""
    try:
        yield
    except (StaleJobError, JobStateError, UnknownJobError):
        return
    except BusyError as error:
        busy.append(error)


def _observe(sweeper: Sweeper, job: Job, seen: Observation | None, swept: SweepCounts) -> None:
    pulse, seconds = pulse_of(job), sweeper.seconds()
    latest = seconds + sweeper.late_seconds
    if (
        seen is None
        or (seen.pulse, seen.observer) != (pulse, sweeper.observer)
        or seen.seconds > latest
    ):
        seen = Observation(pulse=pulse, observer=sweeper.observer, seconds=latest)
        sweeper.ports.upkeep.observe(job, seen)
    _look_after(sweeper, job, rested=seconds - seen.seconds, swept=swept)


def _look_after(sweeper: Sweeper, job: Job, *, rested: float, swept: SweepCounts) -> None:
    rules = sweeper.rules
    match job.state:
        case "ACCEPTED" | "QUEUED":
            doublings = min(max(job.dispatches - 1, 0), rules.start_doublings)
            is_late = rested >= rules.start_seconds * 2**doublings
            was_never_sent = job.dispatches == 0 and rested >= rules.heartbeat_seconds
            if is_late or was_never_sent:
                dispatch(sweeper.ports, job, now=sweeper.now())
                swept.dispatched += 1
        case "RUNNING" | "FINALIZING":
            if rested >= rules.lease_seconds:
                release(sweeper, job, swept=swept)
        case "CANCELLING":
            if job.lease_owner is None or rested >= rules.cancel_seconds:
                end_cancelled(sweeper.ports, job, now=sweeper.now())
                swept.cancelled += 1
                if job.lease_owner is not None:
                    sweeper.on_forced_end(job.lease_owner)
        case _:
            return


def _only(seen: Job, step: Callable[[Job], Job]) -> Callable[[Job], Job]:
    """Take the step only while the job shows no more life than it did when it was seen."""

    def taken(before: Job) -> Job:
        if pulse_of(before) != pulse_of(seen):
            raise StaleJobError(before.id)
        return step(before)

    return taken


def _remove_outdated(sweeper: Sweeper, swept: SweepCounts, busy: list[BusyError]) -> None:
    ports, now = sweeper.ports, sweeper.now()
    for job in ports.upkeep.outdated(now=now, rows_before=now - sweeper.rules.rows_kept):
        with _passing_over(busy):
            if not ports.store.get(job.tenant, job.id).is_over:
                continue  # It was redriven since.
            ports.outputs.remove(job.tenant, job.folder)
            if job.created < now - sweeper.rules.rows_kept:
                ports.upkeep.remove(job.tenant, job.id)
                swept.forgotten += 1
            else:
                take_step(ports, job, Job.expired, now=now, event="job.expired")
                swept.expired += 1
