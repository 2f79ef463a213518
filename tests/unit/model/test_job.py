from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import JobStateError
from penstock.model.event import event_of
from penstock.model.fault import JobFault
from penstock.model.job import Job, hash_of
from penstock.model.job_id import new_job_id
from penstock.model.job_state import STATES, SUCCESSFUL, TERMINAL, WAITING, WORKING
from penstock.model.progress import Progress, first_seq

NOW = datetime(2026, 5, 1, tzinfo=UTC)
FAULT = JobFault(code="busy", kind="recoverable", message="Out of reach.", retryable=True)


def _job() -> Job:
    return Job(
        id=new_job_id(),
        tenant="acme",
        user="ada",
        kind="export",
        type="premium-pay",
        params={},
        params_hash=hash_of({}),
        size="small",
        created=NOW,
    )


STEPS: dict[str, Callable[[Job], Job]] = {
    "queued": Job.queued,
    "claimed": lambda job: job.claimed(owner="w", now=NOW),
    "checkpointed": lambda job: job.checkpointed({"rows": 1}, ()),
    "finalizing": Job.finalizing,
    "succeeded": lambda job: job.succeeded((), now=NOW, expires_at=NOW + timedelta(days=7)),
    "failed": lambda job: job.failed(FAULT, now=NOW),
    "requeued": lambda job: job.requeued(FAULT),
    "handed_back": Job.handed_back,
    "stalling": Job.stalling,
    "redriven": Job.redriven,
    "cancelling": lambda job: job.cancelling(now=NOW),
    "cancelled": lambda job: job.cancelled(now=NOW),
    "expired": Job.expired,
}


@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=40))
def test_whatever_happens_versions_tokens_and_numbers_never_go_back(names: list[str]) -> None:
    job = _job()
    for name in names:
        try:
            after = STEPS[name](job)
        except JobStateError:
            continue
        assert after.version == job.version + 1
        assert after.fencing_token >= job.fencing_token
        assert after.progress.seq >= job.progress.seq
        assert after.high_water >= job.high_water
        assert (after.lease_owner is not None) == (
            after.state in WORKING or (after.state == "CANCELLING" and job.lease_owner is not None)
        )
        job = after


@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=40))
def test_a_step_that_ends_or_takes_a_lease_makes_older_tokens_void(names: list[str]) -> None:
    job = _job()
    for name in names:
        try:
            after = STEPS[name](job)
        except JobStateError:
            continue
        if job.lease_owner is not None and after.lease_owner != job.lease_owner:
            voided = after.fencing_token > job.fencing_token
            assert voided or after.state in SUCCESSFUL
        job = after


def test_every_way_leads_to_an_end_that_only_a_redrive_leaves() -> None:
    for state in STATES:
        job = replace(_job(), state=state)
        for name, step in STEPS.items():
            try:
                after = step(job)
            except JobStateError:
                continue
            if state in TERMINAL:
                assert (name, after.state) in {("redriven", "QUEUED"), ("expired", "EXPIRED")}


def test_only_a_waiting_job_can_be_claimed() -> None:
    for state in STATES:
        job = replace(_job(), state=state)
        if state in WAITING:
            assert STEPS["claimed"](job).state == "RUNNING"
        else:
            with pytest.raises(JobStateError):
                STEPS["claimed"](job)


def test_numbers_of_a_later_attempt_are_above_all_before() -> None:
    first = _job().claimed(owner="w", now=NOW)
    far = first.reported(Progress(seq=first.progress.seq + 10_000, done=5), now=NOW)
    second = far.requeued(FAULT).claimed(owner="v", now=NOW)

    assert second.progress.seq == first_seq(2)
    assert second.progress.seq > far.progress.seq
    assert second.progress.done == 0
    assert second.high_water == 5


def test_an_attempt_that_was_handed_back_does_not_count() -> None:
    job = _job().claimed(owner="w", now=NOW)

    again = job.handed_back().claimed(owner="v", now=NOW)

    assert again.attempt == job.attempt
    assert again.progress.seq > job.progress.seq


def test_events_carry_the_number_of_their_step() -> None:
    job = _job().claimed(owner="w", now=NOW)
    asked = job.cancelling(now=NOW)

    assert (
        event_of(job, "job.started", now=NOW).seq < event_of(asked, "job.cancelling", now=NOW).seq
    )
    assert "tenant" not in event_of(job, "job.started", now=NOW).described()


def test_parameters_are_the_same_in_any_order() -> None:
    assert hash_of({"a": 1, "b": [2, 3]}) == hash_of({"b": [2, 3], "a": 1})
    assert hash_of({"a": 1}) != hash_of({"a": "1"})
