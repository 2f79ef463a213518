"""What every adapter of JobEvents promises."""

from datetime import timedelta
from functools import partial

import pytest
from tests.job_homes import (
    JobRecords,
    OpenRecords,
    a_job,
    added,
    claimed,
    in_threads,
    moved,
    progress_of,
    told,
)
from tests.moving_clock import START

from penstock.errors import StaleJobError
from penstock.model.event import JobEvent
from penstock.model.fault import JobFault
from penstock.model.job import Job
from penstock.model.progress import first_seq

LATER = START + timedelta(minutes=1)
FAULT = JobFault(code="permanent", kind="permanent", message="“no”", retryable=False)


def test_an_event_comes_back_with_all_its_facts(connect: OpenRecords) -> None:
    here, there = connect(), connect()
    job = claimed(here, added(here))
    job = here.store.report(
        "acme", job.id, progress_of(job, 30, counter=1, rejected=2), fencing_token=1, now=LATER
    )
    failed = job.failed(FAULT, now=LATER)
    event = told(failed, "job.failed", at=LATER)
    here.store.advance(failed, was_version=job.version, fencing_token=1, event=event)
    assert there.events.after("acme", job.id, job.progress.seq) == [event]
    assert event in there.events.unpublished(limit=10)


def test_the_events_above_a_number_come_in_order(records: JobRecords) -> None:
    job = whole_life(records, added(records))
    events = records.events.after("acme", job.id, -1)
    assert names(events) == [
        "job.accepted",
        "job.started",
        "job.stalled",
        "job.started",
        "job.succeeded",
    ]
    seqs = [event.seq for event in events]
    assert seqs == sorted(set(seqs))
    for place, seq in enumerate(seqs):
        assert records.events.after("acme", job.id, seq) == events[place + 1 :]
        assert records.events.after("acme", job.id, seq - 1) == events[place:]
    assert records.events.after("acme", job.id, first_seq(2**30)) == []


def test_progress_is_no_event(records: JobRecords) -> None:
    job = claimed(records, added(records))
    before = records.events.after("acme", job.id, -1)
    records.store.report("acme", job.id, progress_of(job, 1, counter=1), fencing_token=1, now=LATER)
    assert records.events.after("acme", job.id, -1) == before


def test_a_job_shows_its_own_events_alone(records: JobRecords) -> None:
    ours, other = added(records), added(records)
    theirs = added(records, a_job(tenant="river", job_id=ours.id))
    claimed(records, other)
    assert [event.tenant for event in records.events.after("acme", ours.id, -1)] == ["acme"]
    assert [event.tenant for event in records.events.after("river", theirs.id, -1)] == ["river"]
    assert records.events.after("river", other.id, -1) == []


@pytest.mark.parametrize("job_id", ["", "0" * 26, "%", "' OR 1=1 --", "\x00"])
def test_a_job_that_is_not_there_has_no_events(records: JobRecords, job_id: str) -> None:
    added(records)
    assert records.events.after("acme", job_id, -1) == []


def test_events_wait_to_be_published_oldest_first(connect: OpenRecords) -> None:
    here, there = connect(), connect()
    jobs = [a_job(), a_job(tenant="river"), a_job()]
    for number, job in enumerate(jobs):
        here.store.add(job, told(job, at=START + timedelta(seconds=number)))
    step = jobs[0].claimed(owner="worker-1", now=LATER)
    event = told(step, "job.started", at=LATER)
    here.store.advance(step, was_version=1, fencing_token=0, event=event)
    waiting = there.events.unpublished(limit=10)
    assert [(event.job_id, event.name) for event in waiting] == [
        (jobs[0].id, "job.accepted"),
        (jobs[1].id, "job.accepted"),
        (jobs[2].id, "job.accepted"),
        (jobs[0].id, "job.started"),
    ]
    assert there.events.unpublished(limit=2) == waiting[:2]


def test_a_published_event_waits_no_more_and_can_still_be_read(connect: OpenRecords) -> None:
    here, there = connect(), connect()
    job = claimed(here, added(here))
    accepted, started = here.events.unpublished(limit=10)
    there.events.published(accepted)
    assert here.events.unpublished(limit=10) == [started]
    assert names(here.events.after("acme", job.id, -1)) == ["job.accepted", "job.started"]


def test_publishing_twice_or_what_is_not_there_changes_nothing(records: JobRecords) -> None:
    job = added(records)
    (event,) = records.events.unpublished(limit=10)
    records.events.published(told(a_job()))
    assert records.events.unpublished(limit=10) == [event]
    records.events.published(event)
    records.events.published(event)
    assert records.events.unpublished(limit=10) == []
    records.upkeep.remove("acme", job.id)
    records.events.published(event)
    assert records.events.unpublished(limit=10) == []
    assert records.events.after("acme", job.id, -1) == []


def test_a_step_that_was_refused_tells_nothing(records: JobRecords) -> None:
    old = claimed(records, added(records))
    moved(records, old, old.finalizing())
    before = records.events.unpublished(limit=10)
    with pytest.raises(StaleJobError):
        moved(records, old, old.failed(FAULT, now=LATER), "job.failed")
    assert records.events.unpublished(limit=10) == before


def test_the_events_of_a_removed_job_are_gone(records: JobRecords) -> None:
    job, other = whole_life(records, added(records)), added(records)
    records.upkeep.remove("acme", job.id)
    assert records.events.after("acme", job.id, -1) == []
    assert [event.job_id for event in records.events.unpublished(limit=10)] == [other.id]


def test_of_many_that_write_at_once_no_event_is_lost(connect: OpenRecords) -> None:
    views = [connect() for _ in range(4)]
    in_threads([partial(live, view) for view in views])
    waiting = views[0].events.unpublished(limit=100)
    assert len(waiting) == 5 * len(views)
    in_threads(
        [partial(publish, view, waiting[place :: len(views)]) for place, view in enumerate(views)]
    )
    assert views[0].events.unpublished(limit=100) == []


def live(records: JobRecords) -> None:
    whole_life(records, added(records))


def publish(records: JobRecords, events: list[JobEvent]) -> None:
    for event in events:
        records.events.published(event)


def whole_life(records: JobRecords, job: Job) -> Job:
    job = claimed(records, job)
    job = moved(records, job, job.stalling(), "job.stalled")
    job = claimed(records, job, owner="worker-2")
    job = moved(records, job, job.finalizing())
    return moved(records, job, job.succeeded((), now=LATER, expires_at=LATER), "job.succeeded")


def names(events: list[JobEvent]) -> list[str]:
    return [event.name for event in events]
