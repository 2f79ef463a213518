"""What every adapter of JobStore promises."""

import threading
from dataclasses import replace
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
    patiently_added,
    progress_of,
    told,
)
from tests.moving_clock import START

from penstock.errors import (
    IdempotencyMismatchError,
    RemovedJobError,
    StaleJobError,
    UnknownJobError,
)
from penstock.model.artifact import Artifact
from penstock.model.fault import JobFault
from penstock.model.job import Job
from penstock.model.progress import Progress
from penstock.ports import JobFilter

DAY = timedelta(hours=24)
MOMENT = timedelta(microseconds=1)
LATER = START + timedelta(minutes=1)
FAULT = JobFault(code="recoverable", kind="recoverable", message="“€”\n", retryable=True)
ANY = JobFilter()


def test_a_job_comes_back_with_all_its_facts(connect: OpenRecords) -> None:
    here, there = connect(), connect()
    params = {
        "text": "naïve “€” \U0001f6b0 \x00 \\ \" '",
        "number": 2**63,
        "small": -0.1,
        "deep": [{"a": [None, True, False, [], {}]}],
        "": "empty name",
    }
    job = added(here, a_job(params=params, key="key 1"))
    assert there.store.get("acme", job.id) == job
    job = moved(here, job, job.queued())
    job = claimed(here, job)
    artifact = Artifact(
        part="part-000001-00000.parquet", rows=2**40, bytes=10**12, sha256="ab" * 32
    )
    job = moved(here, job, job.checkpointed({"after": [1, "x", None]}, (artifact,)))
    assert there.store.get("acme", job.id) == job
    job = here.store.report(
        "acme", job.id, progress_of(job, 7, counter=5, rejected=1), fencing_token=1, now=LATER
    )
    job = moved(here, job, job.finalizing())
    expires = START + timedelta(days=7)
    job = moved(here, job, job.succeeded((artifact,), now=LATER, expires_at=expires))
    assert job.state == "SUCCEEDED_WITH_REJECTS"
    assert there.store.get("acme", job.id) == job


def test_a_fault_and_a_cancellation_come_back_too(records: JobRecords) -> None:
    failed, cancelled = added(records), added(records)
    failed = claimed(records, failed)
    failed = moved(records, failed, failed.requeued(FAULT))
    assert records.store.get("acme", failed.id) == failed
    failed = moved(records, failed, failed.failed(FAULT, now=LATER), "job.failed")
    assert records.store.get("acme", failed.id).error == FAULT
    cancelled = moved(records, cancelled, cancelled.cancelling(now=LATER), "job.cancelling")
    assert records.store.get("acme", cancelled.id) == cancelled


@pytest.mark.parametrize("job_id", ["", "0" * 26, "%", "' OR 1=1 --", "\x00", "é"])
def test_a_job_that_is_not_there_is_unknown(records: JobRecords, job_id: str) -> None:
    added(records)
    with pytest.raises(UnknownJobError):
        records.store.get("acme", job_id)
    with pytest.raises(UnknownJobError):
        records.store.report("acme", job_id, Progress(seq=9), fencing_token=0, now=START)


def test_another_tenants_job_is_unknown_and_never_touched(records: JobRecords) -> None:
    ours = added(records)
    ours = claimed(records, ours)
    with pytest.raises(UnknownJobError):
        records.store.get("river", ours.id)
    with pytest.raises(UnknownJobError):
        records.store.report(
            "river", ours.id, progress_of(ours, 1, counter=1), fencing_token=1, now=START
        )
    stolen = replace(ours, tenant="river")
    with pytest.raises(UnknownJobError):
        records.store.advance(stolen.finalizing(), was_version=ours.version, fencing_token=1)
    assert records.store.get("acme", ours.id) == ours
    assert records.store.list("river", ANY, limit=10) == []


def test_a_job_can_be_claimed_only_once(connect: OpenRecords) -> None:
    here, there = connect(), connect()
    job = added(here)
    won = claimed(here, job, owner="here")
    with pytest.raises(StaleJobError):
        claimed(there, job, owner="there")
    assert there.store.get("acme", job.id) == won
    assert [event.name for event in here.events.after("acme", job.id, -1)] == [
        "job.accepted",
        "job.started",
    ]


def test_of_many_that_claim_a_job_at_once_one_gets_it(connect: OpenRecords) -> None:
    views = [connect() for _ in range(6)]
    job = added(views[0])
    outcomes: list[str] = []
    begin = threading.Barrier(len(views), timeout=60)

    def claim(number: int) -> None:
        begin.wait()
        try:
            outcomes.append(str(claimed(views[number], job, owner=str(number)).lease_owner))
        except StaleJobError:
            outcomes.append("stale")

    in_threads([partial(claim, number) for number in range(len(views))])
    (winner,) = set(outcomes) - {"stale"}
    assert outcomes.count("stale") == len(views) - 1
    assert views[0].store.get("acme", job.id).lease_owner == winner


def test_a_step_from_an_old_version_is_stale_and_leaves_no_event(records: JobRecords) -> None:
    old = claimed(records, added(records))
    now = records.store.report(
        "acme", old.id, progress_of(old, 1, counter=1), fencing_token=1, now=LATER
    )
    with pytest.raises(StaleJobError):
        moved(records, old, old.failed(FAULT, now=LATER), "job.failed")
    assert records.store.get("acme", old.id) == now
    assert [event.name for event in records.events.after("acme", old.id, -1)] == [
        "job.accepted",
        "job.started",
    ]


def test_a_step_under_an_old_token_is_stale(records: JobRecords) -> None:
    job = claimed(records, added(records))
    with pytest.raises(StaleJobError):
        records.store.advance(job.finalizing(), was_version=job.version, fencing_token=0)
    with pytest.raises(StaleJobError):
        records.store.advance(job.finalizing(), was_version=job.version, fencing_token=2)
    assert records.store.get("acme", job.id) == job


def test_a_step_of_a_job_that_was_removed_finds_none(records: JobRecords) -> None:
    job = claimed(records, added(records))
    records.upkeep.remove("acme", job.id)
    with pytest.raises(UnknownJobError):
        moved(records, job, job.finalizing(), "job.progress")
    with pytest.raises(UnknownJobError):
        records.store.report(
            "acme", job.id, progress_of(job, 1, counter=1), fencing_token=1, now=LATER
        )
    assert records.events.after("acme", job.id, -1) == []


def test_progress_is_taken_and_counts_as_a_sign_of_life(records: JobRecords) -> None:
    job = claimed(records, added(records))
    progress = progress_of(job, 100, counter=1)
    reported = records.store.report("acme", job.id, progress, fencing_token=1, now=LATER)
    assert reported == job.reported(progress, now=LATER)
    assert records.store.get("acme", job.id) == reported
    assert (reported.heartbeat, reported.heartbeat_at) == (1, LATER)


def test_late_doubled_and_disordered_progress_changes_nothing(records: JobRecords) -> None:
    job = claimed(records, added(records))
    newest = records.store.report(
        "acme", job.id, progress_of(job, 300, counter=3), fencing_token=1, now=LATER
    )
    for counter in (3, 2, 1, 0):
        late = progress_of(job, 999, counter=counter)
        assert records.store.report("acme", job.id, late, fencing_token=1, now=START) == newest
    assert records.store.get("acme", job.id) == newest


def test_progress_of_an_attempt_that_lost_its_lease_changes_nothing(records: JobRecords) -> None:
    first = claimed(records, added(records))
    requeued = moved(records, first, first.stalling(), "job.stalled")
    late = progress_of(first, 500, counter=2**32 - 1)
    given = records.store.report("acme", first.id, late, fencing_token=1, now=LATER)
    assert given == requeued == records.store.get("acme", first.id)
    second = claimed(records, requeued, owner="worker-2")
    given = records.store.report("acme", first.id, late, fencing_token=1, now=LATER)
    assert given == second == records.store.get("acme", first.id)


def test_the_high_water_stays_while_a_new_attempt_begins_anew(records: JobRecords) -> None:
    job = claimed(records, added(records))
    job = records.store.report(
        "acme", job.id, progress_of(job, 500, counter=1), fencing_token=1, now=LATER
    )
    job = moved(records, job, job.requeued(FAULT))
    job = claimed(records, job)
    job = records.store.report(
        "acme", job.id, progress_of(job, 20, counter=1), fencing_token=3, now=LATER
    )
    assert (job.progress.done, job.high_water) == (20, 500)


def test_progress_is_taken_while_a_job_is_finalized_or_cancelled(records: JobRecords) -> None:
    job = claimed(records, added(records))
    job = moved(records, job, job.finalizing())
    job = records.store.report(
        "acme", job.id, progress_of(job, 1, counter=10), fencing_token=1, now=LATER
    )
    assert (job.state, job.progress.done) == ("FINALIZING", 1)
    job = moved(records, job, job.cancelling(now=LATER), "job.cancelling")
    job = records.store.report(
        "acme", job.id, progress_of(job, 2, counter=20), fencing_token=1, now=LATER
    )
    assert (job.state, job.progress.done) == ("CANCELLING", 2)


@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled", "expired"])
def test_a_job_that_has_ended_takes_no_progress(records: JobRecords, end: str) -> None:
    job = claimed(records, added(records))
    last = ended(records, job, end)
    late = progress_of(job, 999, counter=2**31)
    token = last.fencing_token
    assert records.store.report("acme", job.id, late, fencing_token=token, now=LATER) == last
    assert records.store.get("acme", job.id) == last


def test_a_job_that_waits_takes_no_progress(records: JobRecords) -> None:
    job = added(records)
    word = Progress(seq=5, done=5)
    assert records.store.report("acme", job.id, word, fencing_token=0, now=LATER) == job
    queued = moved(records, job, job.queued())
    assert records.store.report("acme", job.id, word, fencing_token=0, now=LATER) == queued


def test_a_job_that_is_added_again_is_given_as_it_is_stored(connect: OpenRecords) -> None:
    here, there = connect(), connect()
    for job in (a_job(), a_job(key="k")):
        stored = claimed(here, added(here, job))
        assert added(there, job) == stored
        assert len(there.events.after("acme", job.id, -1)) == 2


def test_a_used_idempotency_key_gives_the_job_of_then(connect: OpenRecords) -> None:
    here, there = connect(), connect()
    first = claimed(here, added(here, a_job(key="k")))
    again = a_job(key="k", created=START + timedelta(hours=1))
    assert there.store.add(again, told(again)) == first
    assert [job.id for job in there.store.list("acme", ANY, limit=10)] == [first.id]
    assert there.events.after("acme", again.id, -1) == []


@pytest.mark.parametrize("differs", ["params", "type", "kind"])
def test_an_idempotency_key_for_another_request_is_refused(
    records: JobRecords, differs: str
) -> None:
    first = added(records, a_job(key="k"))
    other = {
        "params": a_job(key="k", params={"since": "2025-01-01"}),
        "type": a_job(key="k", type_name="orders"),
        "kind": a_job(key="k", kind="import"),
    }[differs]
    with pytest.raises(IdempotencyMismatchError):
        added(records, other)
    assert records.store.list("acme", ANY, limit=10) == [first]


def test_an_idempotency_key_is_a_users_own(records: JobRecords) -> None:
    jobs = [
        a_job(key="k"),
        a_job(key="k", user="bob", params={}),
        a_job(key="k", tenant="river", params={"x": 1}),
        a_job(key="K"),
        a_job(),
        a_job(),
    ]
    assert [added(records, job) for job in jobs] == jobs


def test_an_idempotency_key_is_free_again_after_24_hours(records: JobRecords) -> None:
    first = added(records, a_job(key="k"))
    just_before = a_job(key="k", created=START + DAY - MOMENT)
    assert added(records, just_before) == first
    after = a_job(key="k", params={"other": 1}, created=START + DAY)
    assert added(records, after) == after
    assert added(records, a_job(key="k", params={"other": 1}, created=START + DAY)) == after
    with pytest.raises(IdempotencyMismatchError):
        added(records, a_job(key="k", created=START + DAY))


def test_a_key_holds_where_a_clock_went_back(records: JobRecords) -> None:
    first = added(records, a_job(key="k"))
    assert added(records, a_job(key="k", created=START - timedelta(hours=1))) == first


def test_the_key_of_a_removed_job_makes_no_second_one_within_24_hours(
    connect: OpenRecords,
) -> None:
    here, there = connect(), connect()
    first = added(here, a_job(key="k"))
    here.upkeep.remove("acme", first.id)
    for again in (first, a_job(key="k"), a_job(key="k", created=START + DAY - MOMENT)):
        with pytest.raises(RemovedJobError) as raised:
            there.store.add(again, told(again))
        assert raised.value.facts["job_id"] == first.id
    with pytest.raises(IdempotencyMismatchError):
        added(there, a_job(key="k", params={"other": 1}))
    assert there.store.list("acme", ANY, limit=10) == []
    # It is nobody else's, and no longer anybody's after a day.
    others = [a_job(key="k", user="bob"), a_job(key="k", tenant="river"), a_job(key="l"), a_job()]
    assert [added(there, job) for job in others] == others
    after = a_job(key="k", params={"other": 1}, created=START + DAY)
    assert added(there, after) == after


def test_removing_a_job_leaves_its_keys_later_job_alone(records: JobRecords) -> None:
    first = added(records, a_job(key="k"))
    second = added(records, a_job(key="k", params={}, created=START + DAY))
    records.upkeep.remove("acme", first.id)
    assert added(records, a_job(key="k", params={}, created=START + DAY)) == second
    records.upkeep.remove("acme", second.id)
    with pytest.raises(RemovedJobError) as raised:
        added(records, a_job(key="k", params={}, created=START + 2 * DAY - MOMENT))
    assert raised.value.facts["job_id"] == second.id


def test_a_hundred_with_one_idempotency_key_at_once_make_one_job(connect: OpenRecords) -> None:
    views = [connect() for _ in range(4)]
    given: list[Job] = []
    begin = threading.Barrier(20, timeout=60)

    def submit(number: int) -> None:
        begin.wait()
        view = views[number % len(views)]
        given.extend(patiently_added(view, a_job(key="k")) for _ in range(5))

    in_threads([partial(submit, number) for number in range(20)])
    assert len(given) == 100
    assert len({job.id for job in given}) == 1
    assert views[0].store.list("acme", ANY, limit=10) == [given[0]]
    assert len(views[0].events.unpublished(limit=10)) == 1


def test_a_list_holds_the_newest_first_in_pages(records: JobRecords) -> None:
    ids = [f"01HX{number:022}" for number in range(5)]
    for job_id in (ids[2], ids[0], ids[4], ids[1], ids[3]):
        added(records, a_job(job_id=job_id))
    added(records, a_job(tenant="river", job_id=ids[0]))
    first = records.store.list("acme", ANY, limit=2)
    assert [job.id for job in first] == [ids[4], ids[3]]
    rest = records.store.list("acme", ANY, limit=10, before=ids[3])
    assert [job.id for job in rest] == [ids[2], ids[1], ids[0]]
    assert records.store.list("acme", ANY, limit=10, before=ids[0]) == []


def test_a_list_holds_what_is_wanted_alone(records: JobRecords) -> None:
    anns = added(records, a_job())
    bobs = added(records, a_job(user="bob"))
    taken = added(records, a_job(kind="import"))
    running = claimed(records, added(records))

    def found(wanted: JobFilter) -> set[str]:
        return {job.id for job in records.store.list("acme", wanted, limit=10)}

    assert found(JobFilter(user="ann")) == {anns.id, taken.id, running.id}
    assert found(JobFilter(kind="import")) == {taken.id}
    assert found(JobFilter(state="ACCEPTED")) == {anns.id, bobs.id, taken.id}
    assert found(JobFilter(user="ann", kind="export", state="RUNNING")) == {running.id}
    assert found(JobFilter(user="bob", state="RUNNING")) == set()


def test_a_filtered_list_fills_its_page_beyond_what_is_not_wanted(records: JobRecords) -> None:
    ids = [f"01HX{number:022}" for number in range(30)]
    for number, job_id in enumerate(ids):
        added(records, a_job(job_id=job_id, user="ann" if number % 10 == 0 else "bob"))
    wanted = JobFilter(user="ann")
    assert [job.id for job in records.store.list("acme", wanted, limit=2)] == [ids[20], ids[10]]
    assert [job.id for job in records.store.list("acme", wanted, limit=2, before=ids[10])] == [
        ids[0]
    ]


def test_a_list_shows_jobs_as_they_are_now(records: JobRecords) -> None:
    job = claimed(records, added(records))
    assert records.store.list("acme", ANY, limit=1) == [job]
    job = records.store.report(
        "acme", job.id, progress_of(job, 1, counter=1), fencing_token=1, now=LATER
    )
    assert records.store.list("acme", JobFilter(state="RUNNING"), limit=1) == [job]


def ended(records: JobRecords, job: Job, how: str) -> Job:
    match how:
        case "failed":
            return moved(records, job, job.failed(FAULT, now=LATER), "job.failed")
        case "cancelled":
            asked = moved(records, job, job.cancelling(now=LATER), "job.cancelling")
            return moved(records, asked, asked.cancelled(now=LATER), "job.cancelled")
    done = job.succeeded((), now=LATER, expires_at=LATER)
    moved(records, job, done, "job.succeeded")
    return moved(records, done, done.expired(), "job.expired") if how == "expired" else done
