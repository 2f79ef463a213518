"""What every adapter of JobUpkeep promises."""

from datetime import datetime, timedelta

import pytest
from tests.job_homes import (
    JobRecords,
    OpenRecords,
    a_job,
    added,
    claimed,
    moved,
    progress_of,
)
from tests.moving_clock import START

from penstock.errors import UnknownJobError
from penstock.model.fault import JobFault
from penstock.model.job import Job
from penstock.ports import JobFilter, Observation

LONG_AGO = START - timedelta(days=90)
MOMENT = timedelta(microseconds=1)
SEEN = Observation(pulse="RUNNING/1/0", observer="boot-1", seconds=12.25)


def test_unfinished_jobs_are_given_of_every_tenant(connect: OpenRecords) -> None:
    here, there = connect(), connect()
    waiting = added(here)
    running = claimed(here, added(here, a_job(tenant="river")))
    cancelling = added(here)
    cancelling = moved(here, cancelling, cancelling.cancelling(now=START), "job.cancelling")
    for how in ("succeeded", "failed", "cancelled"):
        ended(here, added(here), how)
    assert unfinished(there) == {job.id: (job, None) for job in (waiting, running, cancelling)}


def test_more_unfinished_jobs_than_a_page_come_each_once(records: JobRecords) -> None:
    jobs = [added(records, a_job(tenant=f"t{number % 7}")) for number in range(130)]
    given = [job.id for job, _ in records.upkeep.unfinished()]
    assert sorted(given) == sorted(job.id for job in jobs)


def test_jobs_may_be_changed_and_removed_while_they_are_given(records: JobRecords) -> None:
    jobs = [added(records) for _ in range(120)]
    given = set()
    for number, (job, _) in enumerate(records.upkeep.unfinished()):
        given.add(job.id)
        if number % 2:
            ended(records, job, "failed")
        else:
            records.upkeep.remove("acme", job.id)
    assert given == {job.id for job in jobs}
    assert unfinished(records) == {}


def test_what_was_observed_is_kept_and_the_job_stays(connect: OpenRecords) -> None:
    here, there = connect(), connect()
    job = claimed(here, added(here))
    here.upkeep.observe(job, SEEN)
    assert unfinished(there) == {job.id: (job, SEEN)}
    newer = Observation(pulse="other", observer="boot-2", seconds=0.0)
    there.upkeep.observe(job, newer)
    assert unfinished(here) == {job.id: (job, newer)}
    assert here.store.get("acme", job.id) == job


def test_an_observation_outlives_steps_and_progress(records: JobRecords) -> None:
    job = added(records)
    records.upkeep.observe(job, SEEN)
    job = claimed(records, job)
    job = records.store.report(
        "acme", job.id, progress_of(job, 1, counter=1), fencing_token=1, now=START
    )
    assert unfinished(records) == {job.id: (job, SEEN)}


def test_observing_a_job_that_was_removed_brings_nothing_back(records: JobRecords) -> None:
    job = added(records)
    records.upkeep.remove("acme", job.id)
    records.upkeep.observe(job, SEEN)
    assert unfinished(records) == {}
    with pytest.raises(UnknownJobError):
        records.store.get("acme", job.id)


def test_successful_jobs_are_outdated_when_their_files_expire(records: JobRecords) -> None:
    job = added(records)
    ended(records, job, "succeeded", expires_at=START + timedelta(days=7))
    failed = added(records)
    ended(records, failed, "failed")
    due = START + timedelta(days=7)
    assert outdated(records, now=due - MOMENT) == []
    assert outdated(records, now=due) == [job.id]
    assert outdated(records, now=due + timedelta(days=1)) == [job.id]


def test_an_expired_job_is_outdated_again_when_its_row_is(records: JobRecords) -> None:
    job = ended(records, added(records), "succeeded", expires_at=START)
    moved(records, job, job.expired(), "job.expired")
    far = START + timedelta(days=400)
    assert outdated(records, now=far) == []
    assert outdated(records, now=far, rows_before=START) == []
    assert outdated(records, now=far, rows_before=START + MOMENT) == [job.id]


@pytest.mark.parametrize("how", ["succeeded", "failed", "cancelled"])
def test_ended_jobs_are_outdated_when_they_are_old(records: JobRecords, how: str) -> None:
    job = ended(records, added(records), how, expires_at=START + timedelta(days=7))
    assert outdated(records, now=START) == []
    assert outdated(records, now=START, rows_before=START) == []
    assert outdated(records, now=START, rows_before=START + MOMENT) == [job.id]


def test_a_job_that_is_outdated_in_both_ways_is_given_once(records: JobRecords) -> None:
    job = ended(records, added(records), "succeeded", expires_at=START)
    assert outdated(records, now=START, rows_before=START + MOMENT) == [job.id]


def test_a_job_that_has_not_ended_is_never_outdated(records: JobRecords) -> None:
    claimed(records, added(records))
    added(records)
    far = START + timedelta(days=4000)
    assert outdated(records, now=far, rows_before=far) == []


def test_every_outdated_job_is_given_while_they_are_removed(records: JobRecords) -> None:
    jobs = [
        ended(
            records,
            added(records, a_job(tenant=f"t{number % 3}")),
            "succeeded",
            expires_at=START + timedelta(seconds=number % 5),
        )
        for number in range(120)
    ]
    given = []
    later = START + timedelta(days=1)
    for job in records.upkeep.outdated(now=later, rows_before=LONG_AGO):
        given.append(job.id)
        if len(given) % 2:
            records.upkeep.remove(job.tenant, job.id)
        else:
            moved(records, job, job.expired(), "job.expired")
    assert sorted(given) == sorted(job.id for job in jobs)
    assert outdated(records, now=later) == []


def test_a_removed_job_is_forgotten_and_may_be_removed_again(records: JobRecords) -> None:
    job = claimed(records, added(records))
    twin = added(records, a_job(tenant="river", job_id=job.id))
    records.upkeep.remove("acme", job.id)
    records.upkeep.remove("acme", job.id)
    records.upkeep.remove("nobody", job.id)
    with pytest.raises(UnknownJobError):
        records.store.get("acme", job.id)
    assert records.store.list("acme", JobFilter(), limit=10) == []
    assert unfinished(records) == {twin.id: (twin, None)}


def ended(
    records: JobRecords, job: Job, how: str, *, expires_at: datetime = START + timedelta(days=7)
) -> Job:
    match how:
        case "failed":
            fault = JobFault(code="permanent", kind="permanent", message="no", retryable=False)
            return moved(records, job, job.failed(fault, now=START), "job.failed")
        case "cancelled":
            job = moved(records, job, job.cancelling(now=START), "job.cancelling")
            return moved(records, job, job.cancelled(now=START), "job.cancelled")
    job = claimed(records, job)
    done = job.succeeded((), now=START, expires_at=expires_at)
    return moved(records, job, done, "job.succeeded")


def unfinished(records: JobRecords) -> dict[str, tuple[Job, Observation | None]]:
    return {job.id: (job, seen) for job, seen in records.upkeep.unfinished()}


def outdated(records: JobRecords, *, now: datetime, rows_before: datetime = LONG_AGO) -> list[str]:
    return [job.id for job in records.upkeep.outdated(now=now, rows_before=rows_before)]
