from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.client.jobs.job_view import JobView, job_id_of, job_of
from penstock.errors import TransferError

SAID = {
    "id": "01HZY3V9S8T5R2Q4W6E8ABCDEF",
    "kind": "export",
    "type": "premium-pay",
    "user": "ada",
    "params": {"since": "2024-01-01"},
    "state": "RUNNING",
    "stalled": False,
    "attempt": 2,
    "created": "2024-05-01T12:00:00+00:00",
    "started": "2024-05-01T12:00:01+00:00",
    "ended": None,
    "expires_at": None,
    "progress": {
        "seq": 8589934600,
        "done": 300,
        "total": 1201,
        "high_water": 400,
        "rejected": 0,
        "bytes": 9000,
        "phase": "reading",
    },
    "error": None,
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def test_a_job_is_read_as_the_service_tells_it() -> None:
    job = job_of(SAID)
    assert (job.id, job.type, job.kind, job.state) == (
        "01HZY3V9S8T5R2Q4W6E8ABCDEF",
        "premium-pay",
        "export",
        "RUNNING",
    )
    assert (job.high_water, job.total, job.phase, job.attempt) == (400, 1201, "reading", 2)
    assert job.created == datetime(2024, 5, 1, 12, tzinfo=UTC)
    assert job.started == job.created + timedelta(seconds=1)
    assert job.raw == SAID
    assert not job.is_over


def test_the_first_answer_of_all_tells_little_and_is_a_job() -> None:
    job = job_of({"id": SAID["id"], "type": "premium-pay", "state": "ACCEPTED"})
    assert (job.high_water, job.total, job.created, job.error) == (0, None, None, None)


@pytest.mark.parametrize(
    ("state", "is_over", "went_well"),
    [
        ("ACCEPTED", False, False),
        ("FINALIZING", False, False),
        ("CANCELLING", False, False),
        ("SUCCEEDED", True, True),
        ("SUCCEEDED_WITH_REJECTS", True, True),
        ("FAILED", True, False),
        ("CANCELLED", True, False),
        ("EXPIRED", True, False),
        ("SOMETHING_NEW", False, False),
    ],
)
def test_a_state_says_whether_it_is_over(state: str, *, is_over: bool, went_well: bool) -> None:
    job = job_of({**SAID, "state": state})
    assert (job.is_over, job.went_well) == (is_over, went_well)


def test_why_it_failed_is_told_with_its_code() -> None:
    fault = {"code": "no-database", "class": "permanent", "message": "None.", "retryable": False}
    assert job_of({**SAID, "error": fault}).error == "None. (no-database)"
    assert job_of({**SAID, "error": {}}).error == "unknown"


def test_a_job_cannot_steer_the_terminal() -> None:
    job = job_of({**SAID, "type": "a\x1b[2Jb", "state": "FA\nILED", "error": {"message": "\x07!"}})
    assert (job.type, job.state, job.error) == ("a [2Jb", "FA ILED", " !")


@pytest.mark.parametrize("job_id", ["", "../x", "a/b", "a b", "a" * 65, "ä", "a\n", None, 3])
def test_an_id_that_may_not_stand_in_a_path_is_none(job_id: object) -> None:
    assert job_id_of(job_id) is None
    with pytest.raises(TransferError, match="no job"):
        job_of({**SAID, "id": job_id})


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(SAID, json_values)) | json_values)
def test_whatever_is_answered_is_a_job_or_an_error(said: object) -> None:
    try:
        job = job_of(said)
    except TransferError:
        return
    assert isinstance(job, JobView)
    assert all(text.isprintable() for text in (job.id, job.type, job.state, job.phase))
    assert job.high_water >= 0
