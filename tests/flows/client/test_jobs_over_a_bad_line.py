"""The client of jobs, against a server that breaks off, is busy, and answers what it likes."""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tests.flows.scripted_jobs import JOB_ID, Desk, Fault, serving, step

from penstock.client import Client, DownloadOptions, export
from penstock.client.jobs.calls import ApiCalls
from penstock.client.jobs.jobs_api import Jobs
from penstock.client.jobs.watching import watch
from penstock.errors import SetupError, TransferError

WELL = [step("QUEUED"), step("RUNNING", 600), step("SUCCEEDED", 1201)]
BREAK, BUSY = Fault(), Fault(status=503, headers={"Retry-After": "3"})
LATE_BREAK = Fault(when="after")
PENDING = Fault(
    status=409, problem={"type": "urn:penstock:problem:idempotency-pending", "detail": "Wait."}
)


def options_of(desk: Desk, **more: object) -> DownloadOptions:
    return DownloadOptions(retry=desk.retry, key="pk_key", **more)  # type: ignore[arg-type] # any field


@pytest.mark.parametrize(
    "faults",
    [[], [BREAK], [LATE_BREAK], [BUSY], [PENDING], [LATE_BREAK, PENDING, BUSY, BREAK, LATE_BREAK]],
)
def test_a_request_that_is_sent_again_makes_one_job(faults: list[Fault | None]) -> None:
    with (
        serving(Desk(faults=[*faults])) as desk,
        ApiCalls(desk.url, options=options_of(desk)) as calls,
    ):
        job = Jobs(calls).export("premium-pay", {"ids": [1]}, formats=["csv"]).job
        assert (job.id, job.state) == (JOB_ID, "ACCEPTED")
    assert len(desk.keys) == 1
    assert len(desk.asked) == 1 + len(faults)
    assert {each.headers["Idempotency-Key"] for each in desk.asked} == set(desk.keys)
    body = {"type": "premium-pay", "params": {"ids": [1]}, "formats": ["csv"]}
    assert json.loads(desk.asked[-1].body) == body
    assert desk.asked[-1].headers["X-Api-Key"] == "pk_key"


def test_two_requests_have_two_keys_unless_one_is_given() -> None:
    with serving(Desk()) as desk, ApiCalls(desk.url, options=options_of(desk)) as calls:
        jobs = Jobs(calls)
        for key in (None, None, "mine", "mine"):
            jobs.export("premium-pay", {}, idempotency_key=key)
        assert len(desk.keys) == 3
        with pytest.raises(SetupError, match="visible ASCII"):
            jobs.export("premium-pay", {}, idempotency_key="mine and yours")


def test_a_busy_service_is_left_alone_for_as_long_as_it_asks() -> None:
    with (
        serving(Desk(faults=[BUSY, BREAK])) as desk,
        ApiCalls(desk.url, options=options_of(desk)) as calls,
    ):
        Jobs(calls).export_types()
    assert desk.naps == [3, 1]


def test_what_is_refused_is_not_asked_again() -> None:
    problem = {"detail": "params.since: input should be a valid date.", "field": "params.since"}
    refused = Fault(status=422, problem=problem)
    with (
        serving(Desk(faults=[refused])) as desk,
        ApiCalls(desk.url, options=options_of(desk)) as calls,
    ):
        with pytest.raises(TransferError, match=r"params\.since: input should") as caught:
            Jobs(calls).export("premium-pay", {"since": "soon"})
        assert caught.value.facts["status"] == 422
    assert len(desk.asked) == 1


def test_patience_has_an_end() -> None:
    with (
        serving(Desk(faults=[BREAK] * 50)) as desk,
        ApiCalls(desk.url, options=options_of(desk)) as calls,
    ):
        with pytest.raises(TransferError, match="Gave up after 9 failures"):
            Jobs(calls).export_types()
        assert len(desk.asked) == 9


def test_a_wrong_address_is_told_at_once() -> None:
    with serving(Desk()) as desk:
        pass
    with (
        ApiCalls(desk.url, options=options_of(desk)) as calls,
        pytest.raises(TransferError, match="No connection"),
    ):
        Jobs(calls).export_types()
    assert desk.naps == []


@pytest.mark.parametrize("faults", [[], [LATE_BREAK], [BUSY, LATE_BREAK, BREAK]])
def test_what_was_deleted_is_deleted(faults: list[Fault | None]) -> None:
    with (
        serving(Desk(faults=[*faults])) as desk,
        ApiCalls(desk.url, options=options_of(desk)) as calls,
    ):
        jobs = Jobs(calls)
        jobs.delete(JOB_ID)
        assert desk.is_deleted
        with pytest.raises(TransferError, match="no such thing"):
            jobs.delete(JOB_ID)


@pytest.mark.parametrize("job_id", ["../exports/types", "", "a b", "x/cancel", "?"])
def test_no_other_path_is_asked_for_than_a_job_s(job_id: str) -> None:
    with serving(Desk()) as desk, ApiCalls(desk.url, options=options_of(desk)) as calls:
        jobs = Jobs(calls)
        for ask in (jobs.look, jobs.cancel, jobs.delete, jobs.result):
            with pytest.raises(SetupError, match="no job"):
                ask(job_id)
    assert desk.asked == []


def test_a_redirect_is_not_followed_with_what_changes_something() -> None:
    moved = Fault(status=301, headers={"Location": "https://other.example/v1/exports?secret=1"})
    with (
        serving(Desk(faults=[moved])) as desk,
        ApiCalls(desk.url, options=options_of(desk)) as calls,
        pytest.raises(TransferError, match=r"to https://other.example/v1/exports: name"),
    ):
        Jobs(calls).export("premium-pay", {})
    assert len(desk.asked) == 1


def test_a_job_is_followed_over_breaks_and_only_changes_are_told() -> None:
    steps = [step("QUEUED"), step("QUEUED"), step("RUNNING", 600), step("SUCCEEDED", 1201)]
    faults = [None, BREAK, None, BUSY, None, BREAK]
    with (
        serving(Desk(steps=steps, faults=faults)) as desk,
        ApiCalls(desk.url, options=options_of(desk)) as calls,
    ):
        jobs = Jobs(calls)
        begun = jobs.export("premium-pay", {})
        seen = [(job.state, job.high_water) for job in watch(jobs, [begun], retry=desk.retry)]
    assert seen == [("ACCEPTED", 0), ("QUEUED", 0), ("RUNNING", 600), ("SUCCEEDED", 1201)]
    held = [each.headers.get("If-None-Match") for each in desk.asked if each.method == "GET"]
    assert held == [
        None,
        None,
        *['"QUEUED0"'] * 4,
        '"RUNNING600"',
    ]


def test_a_job_that_is_deleted_meanwhile_is_over() -> None:
    with (
        serving(Desk(steps=[step("RUNNING")])) as desk,
        ApiCalls(desk.url, options=options_of(desk)) as calls,
    ):
        jobs = Jobs(calls)
        begun = jobs.export("premium-pay", {})
        desk.is_deleted = True
        states = [job.state for job in watch(jobs, [begun], retry=desk.retry)]
    assert states == ["ACCEPTED", "DELETED"]


def test_an_export_becomes_a_file(tmp_path: Path) -> None:
    with serving(Desk(steps=[*WELL], faults=[LATE_BREAK, None, None, BREAK])) as desk:
        done = export(
            desk.url, "premium-pay", {"ids": [1]}, to=tmp_path / "pay.csv", options=options_of(desk)
        )
    assert done.path == tmp_path / "pay.csv"
    assert done.path.read_bytes() == desk.result
    assert len(desk.keys) == 1


def test_a_client_makes_exports_of_its_tenant(tmp_path: Path) -> None:
    with serving(Desk(steps=[*WELL])) as desk:
        client = Client(desk.url, options=options_of(desk))
        client.export("premium-pay", to=tmp_path / "-", ids=[1, 2], params={"a-b": None})
    assert (tmp_path / "-").read_bytes() == desk.result
    sent = json.loads(desk.asked[0].body)
    params = {"a-b": None, "ids": [1, 2]}
    assert sent == {"type": "premium-pay", "params": params, "formats": ["csv"]}


def test_an_export_that_fails_is_an_error_with_its_reason(tmp_path: Path) -> None:
    fault = {"code": "no-database", "message": "No database is set up."}
    with (
        serving(Desk(steps=[step("FAILED", error=fault)])) as desk,
        pytest.raises(TransferError, match="FAILED: No database is set up"),
    ):
        export(desk.url, "premium-pay", to=tmp_path / "a.csv", options=options_of(desk))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_what_was_told_is_not_taken(tmp_path: Path) -> None:
    right, wrong = hashlib.sha256(b"n\n1\n").hexdigest(), "0" * 64
    with serving(Desk(steps=[*WELL], sha256=right)) as desk:
        done = export(desk.url, "premium-pay", to=tmp_path / "a.csv", options=options_of(desk))
        assert done.verified
        assert done.sha256 == right
        desk.sha256 = wrong
        with pytest.raises(TransferError, match="the service had told 0000"):
            export(desk.url, "premium-pay", to=tmp_path / "b.csv", options=options_of(desk))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.csv.part.bad"]


def test_the_key_stays_with_the_service() -> None:
    with serving(Desk(result=b"n\n2\n")) as elsewhere, serving(Desk(steps=[*WELL])) as desk:
        result = {"downloads": {"csv": f"{elsewhere.url}/exports/x.csv?_sig=1"}, "files": {}}
        desk.faults = [None, None, None, None, Fault(status=200, problem=result)]
        export(desk.url, "premium-pay", to=Path("/dev/null"), options=options_of(desk))
    assert [each.headers.get("X-Api-Key") for each in elsewhere.asked] == [None]
    assert desk.asked[-1].path.endswith("/result")


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x/y", "http://u:p@x/y", "http://[", 3]
)
def test_a_result_is_fetched_from_nowhere_but_the_web(url: object, tmp_path: Path) -> None:
    result = {"downloads": {"csv": url}, "files": {}}
    faults = [None, None, None, None, Fault(status=200, problem=result)]
    with serving(Desk(steps=[*WELL], faults=faults)) as desk, pytest.raises(TransferError):
        export(desk.url, "premium-pay", to=tmp_path / "a.csv", options=options_of(desk))
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_outlives_its_url_goes_on_under_a_new_one(tmp_path: Path) -> None:
    expired = Fault(status=403, problem={"detail": "The signed URL has expired."})
    faults = [*[None] * 5, Fault(cut=1), expired, None, Fault(cut=2), expired]
    with serving(Desk(steps=[*WELL], result=b"n\n1\n2\n", faults=[*faults])) as desk:
        done = export(desk.url, "premium-pay", to=tmp_path / "a.csv", options=options_of(desk))
    assert (tmp_path / "a.csv").read_bytes() == desk.result
    assert done.resumed_times > 0
    fetched = [each for each in desk.asked if each.path.startswith("/exports/")]
    assert [each.headers.get("Range") for each in fetched] == [
        None,
        "bytes=1-",
        "bytes=1-",
        "bytes=3-",
        "bytes=3-",
    ]
    assert len({each.path for each in fetched}) == 3


def test_a_url_that_never_opens_is_an_error_and_not_a_circle(tmp_path: Path) -> None:
    expired = Fault(status=403, problem={"detail": "The signed URL has expired."})
    faults = [*[None] * 5, Fault(cut=1), *[expired, None] * 20]
    with (
        serving(Desk(steps=[*WELL], faults=faults)) as desk,
        pytest.raises(TransferError, match="1 bytes are kept"),
    ):
        export(desk.url, "premium-pay", to=tmp_path / "a.csv", options=options_of(desk))
    assert len([each for each in desk.asked if each.path.startswith("/exports/")]) == 3


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "jobs", "state", "types", "type", "params", "downloads", "files"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


def test_whatever_is_answered_is_read_or_an_error() -> None:
    with serving(Desk()) as desk, ApiCalls(desk.url, options=options_of(desk)) as calls:
        jobs = Jobs(calls)
        ways: list[Callable[[], object]] = [
            jobs.export_types,
            lambda: list(jobs.list(limit=3)),
            lambda: jobs.look(JOB_ID),
            lambda: jobs.result(JOB_ID),
            lambda: jobs.cancel(JOB_ID),
            lambda: jobs.export("premium-pay", {}),
        ]

        @hypothesis_settings(max_examples=60)
        @given(said=json_values)
        def check(said: Any) -> None:
            for ask in ways:
                desk.faults = [Fault(status=200, problem=said)]
                with suppress(TransferError):
                    ask()

        check()
