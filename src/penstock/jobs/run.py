"""Running: one message of a queue becomes one attempt at a job, or is found to be done already."""

import random
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from penstock.errors import (
    AlreadyDoneError,
    BusyError,
    JobCancelledError,
    JobStateError,
    StaleJobError,
    TooLongError,
    UnknownJobError,
    WorkerStoppingError,
)
from penstock.jobs.cancel import end_cancelled
from penstock.jobs.faults import fault_of
from penstock.jobs.job_attempt import JobAttempt
from penstock.jobs.progress import Reporter
from penstock.jobs.publish import tell_again
from penstock.jobs.steps import take_step
from penstock.jobs.submit import dispatch
from penstock.jobs.worker import Worker
from penstock.model.event import EventName, event_of
from penstock.model.job import Job
from penstock.model.job_state import JobState
from penstock.model.message import JobMessage

Outcome = Literal[
    "succeeded", "retried", "failed", "cancelled", "returned", "repeated", "superseded", "unknown"
]

_ENDS: Mapping[JobState, EventName] = {
    "SUCCEEDED": "job.succeeded",
    "SUCCEEDED_WITH_REJECTS": "job.succeeded",
    "FAILED": "job.failed",
    "CANCELLED": "job.cancelled",
    "EXPIRED": "job.expired",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """What came of a message; `fault` is what an attempt failed with, for the log."""

    outcome: Outcome
    job: Job | None
    fault: BaseException | None = None


def run(worker: Worker, message: JobMessage) -> RunOutcome:
    """Work on the job of a message; the message is done with once this returns.

    What the job's row says decides, so that a message may come twice, late or out of order: a job
    that is worked on is left alone, one that is over has its last event published again. A process
    that dies in here leaves a job whose lease lapses, and a sweep hands it on.

    Raises BusyError where the row can't be read: the message is to come again.
    """
    ports, now = worker.ports, worker.now
    try:
        job = ports.store.get(message.tenant, message.job_id)
    except UnknownJobError:
        return RunOutcome(outcome="unknown", job=None)
    if job.is_over:
        tell_again(ports, event_of(job, _ENDS[job.state], now=now()))
        return RunOutcome(outcome="repeated", job=job)
    try:
        if job.state == "CANCELLING" and job.lease_owner is None:
            return RunOutcome(outcome="cancelled", job=end_cancelled(ports, job, now=now()))
        claim = partial(Job.claimed, owner=worker.owner, now=now())
        job = take_step(ports, job, claim, now=now(), event="job.started")
    except (StaleJobError, JobStateError, UnknownJobError):
        # Somebody works on it, or it is over by now.
        return RunOutcome(outcome="repeated", job=job)
    return _attempt(worker, job)


def _attempt(worker: Worker, job: Job) -> RunOutcome:
    reporter = Reporter(
        worker.ports,
        job,
        rules=worker.rules,
        now=worker.now,
        is_stopping=worker.is_stopping,
        signals=worker.signals,
    )
    attempt = JobAttempt(worker, job, reporter)
    began = time.monotonic()
    reporter.begin()
    try:
        try:
            artifacts = worker.works[job.kind](attempt)
        finally:
            reporter.drain()
        return RunOutcome(outcome="succeeded", job=attempt.succeed(artifacts))
    except AlreadyDoneError:
        return RunOutcome(outcome="succeeded", job=attempt.succeed(job.artifacts))
    except (JobCancelledError, JobStateError):
        return _cancelled(worker, attempt.job)
    except (StaleJobError, UnknownJobError):
        return _superseded(worker, attempt.job)
    except WorkerStoppingError:
        if worker.had_whole_time(began) and _reached(attempt.job) == _reached(job):
            return _failed(worker, attempt.job, TooLongError())
        return _returned(worker, attempt.job)
    except Exception as error:  # noqa: BLE001 - whatever it is, the job's row has to say so
        if worker.is_stopping() and not worker.had_whole_time(began) and _passes(error):
            # What it leant on may have ended with it.
            return _returned(worker, attempt.job, fault=error)
        return _failed(worker, attempt.job, error)


def _cancelled(worker: Worker, job: Job) -> RunOutcome:
    try:
        latest = worker.ports.store.get(job.tenant, job.id)
        if latest.fencing_token != job.fencing_token:
            return _superseded(worker, latest)
        if latest.has_result:
            # This attempt's own success, which was stored though that couldn't be told.
            return RunOutcome(outcome="succeeded", job=latest)
        ended = end_cancelled(worker.ports, latest, now=worker.now())
    except (StaleJobError, JobStateError, UnknownJobError, BusyError):
        # It is over, or a sweep ends it.
        return _superseded(worker, job)
    return RunOutcome(outcome="cancelled", job=ended)


def _returned(worker: Worker, job: Job, *, fault: Exception | None = None) -> RunOutcome:
    now = worker.now()
    try:
        job = take_step(worker.ports, job, Job.handed_back, now=now)
        job = dispatch(worker.ports, job, now=now)
    except (StaleJobError, JobStateError, UnknownJobError, BusyError):
        # Whatever it became: its row says so, and a sweep looks after it.
        return _superseded(worker, job, fault=fault)
    return RunOutcome(outcome="returned", job=job, fault=fault)


def _failed(worker: Worker, job: Job, error: Exception) -> RunOutcome:
    ports, rules, now = worker.ports, worker.rules, worker.now()
    fault = fault_of(error)
    try:
        if fault.retryable and job.attempt < rules.attempts:
            job = take_step(ports, job, partial(Job.requeued, fault=fault), now=now)
            wait = rules.retry_seconds[min(job.attempt, len(rules.retry_seconds)) - 1]
            # Jobs that failed together, for one reason, don't come back together.
            wait *= random.uniform(1, 1.5)  # noqa: S311 - nobody gains by guessing it
            dispatch(ports, job, now=now, delay_seconds=wait)
            return RunOutcome(outcome="retried", job=job, fault=error)
        # Its files go with the event, not before: by then they may be another attempt's result.
        job = take_step(
            ports, job, partial(Job.failed, fault=fault, now=now), now=now, event="job.failed"
        )
    except JobStateError:
        return replace(_cancelled(worker, job), fault=error)
    except (StaleJobError, UnknownJobError, BusyError):
        return _superseded(worker, job, fault=error)
    return RunOutcome(outcome="failed", job=job, fault=error)


def _superseded(worker: Worker, job: Job, *, fault: Exception | None = None) -> RunOutcome:
    """Leave a job to what it became without this attempt.

    Where it has ended without a result, whoever ended it removed its files: not those that the
    attempt wrote since, a manifest perhaps.
    """
    ports = worker.ports
    # As far as that works now: the rest goes with the job's row.
    with suppress(BusyError):
        try:
            latest = ports.store.get(job.tenant, job.id)
            is_gone = latest.is_over and not latest.has_result
        except UnknownJobError:
            is_gone = True
        if is_gone:
            ports.outputs.remove(job.tenant, job.folder)
    return RunOutcome(outcome="superseded", job=job, fault=fault)


def _reached(job: Job) -> object:
    """Give what a later attempt goes on from: of files that follow each other, the last, too."""
    return job.checkpoint, job.artifacts


def _passes(error: Exception) -> bool:
    return fault_of(error).kind == "recoverable"
