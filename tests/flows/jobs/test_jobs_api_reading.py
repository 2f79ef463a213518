"""`/v1/jobs`: lists, one job, what happened to it, its result, and its end."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.flows.job_service import Jobs, job_service

from penstock.model.job_id import new_job_id


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    with job_service(tmp_path_factory.mktemp("jobs"), requests_per_minute=0) as running:
        yield running


@pytest.fixture(scope="module")
def key(jobs: Jobs) -> str:
    return jobs.key()


@pytest.fixture(scope="module")
def done(jobs: Jobs, key: str) -> str:
    """A job of ada's that succeeded."""
    job_id: str = jobs.begin(key, query="n__lt=10", formats=["csv", "json"])["id"]
    jobs.work()
    return job_id


def listed(jobs: Jobs, key: str, path: str = "/v1/jobs?limit=100") -> list[str]:
    answer = jobs.ask("GET", path, key=key)
    assert answer.status_code == 200, answer.text
    return [job["id"] for job in answer.json()["jobs"]]


def test_a_job_tells_all_that_its_user_may_know(jobs: Jobs, key: str, done: str) -> None:
    job = jobs.ask("GET", f"/v1/jobs/{done}", key=key).json()
    assert job["state"] == "SUCCEEDED"
    assert (job["user"], job["type"], job["attempt"]) == ("ada", "dataset-slice", 1)
    assert job["params"] == {"dataset": "area", "query": "n__lt=10"}
    assert job["formats"] == ["csv", "json"]
    assert job["progress"]["high_water"] == 10
    assert job["error"] is None
    assert {part["part"].rpartition(".")[2] for part in job["artifacts"]} == {
        "parquet",
        "csv",
        "json",
    }
    moments = [datetime.fromisoformat(job[name]) for name in ("created", "started", "ended")]
    assert moments == sorted(moments)


def test_a_job_that_failed_tells_why_in_its_answer_and_in_its_event(jobs: Jobs, key: str) -> None:
    answer = jobs.ask("POST", "/v1/exports", key=key, json={"type": "customers"})
    assert answer.status_code == 202, answer.text
    jobs.work()
    job = jobs.ask("GET", f"/v1/jobs/{answer.json()['id']}", key=key).json()
    last = jobs.ask("GET", f"/v1/jobs/{job['id']}/events", key=key).json()["events"][-1]
    assert (job["state"], last["event"]) == ("FAILED", "job.failed")
    assert job["error"] == last["error"]
    assert sorted(job["error"]) == ["class", "code", "message", "retryable"]
    assert (job["error"]["class"], job["error"]["retryable"]) == ("permanent", False)


@pytest.mark.parametrize("formats", [[], ["csv"], ["csv", "ndjson"]])
def test_what_a_finished_job_says_last_is_all_of_it(
    jobs: Jobs, key: str, formats: list[str]
) -> None:
    job_id = jobs.begin(key, query="n__lt=10", formats=formats)["id"]
    jobs.work()
    job = jobs.ask("GET", f"/v1/jobs/{job_id}", key=key).json()
    told = {name: job["progress"][name] for name in ("done", "total", "high_water", "phase")}
    assert told == {"done": 10, "total": 10, "high_water": 10, "phase": "finished"}
    assert len(job["artifacts"]) == 1 + len(formats)
    assert job["progress"]["bytes"] == sum(file["bytes"] for file in job["artifacts"])
    last = jobs.ask("GET", f"/v1/jobs/{job_id}/events", key=key).json()["events"][-1]
    assert (last["event"], last["bytes"]) == ("job.succeeded", job["progress"]["bytes"])
    assert last["phase"] == "finished"


def test_a_job_that_is_held_already_is_a_304_until_it_changes(jobs: Jobs, key: str) -> None:
    job = jobs.begin(key)["id"]
    first = jobs.ask("GET", f"/v1/jobs/{job}", key=key)
    assert int(first.headers["retry-after"]) > 0
    held = {"if-none-match": first.headers["etag"]}
    again = jobs.ask("GET", f"/v1/jobs/{job}", key=key, headers=held)
    assert (again.status_code, again.content) == (304, b"")
    jobs.work()
    changed = jobs.ask("GET", f"/v1/jobs/{job}", key=key, headers=held)
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]
    assert "retry-after" not in changed.headers


def test_jobs_of_others_are_the_same_plain_404(jobs: Jobs, done: str) -> None:
    unknown = new_job_id()
    said: set[tuple[int, str]] = set()
    askers: list[dict[str, Any]] = [
        {"key": jobs.key("eve")},
        {"key": None},
        {"key": jobs.key("eve", tenant="other"), "tenant": "other"},
        {"key": jobs.key("root", role="admin", tenant="other"), "tenant": "other"},
    ]
    for asker in askers:
        for job in (done, unknown, done.lower(), "x", f"{done}0", "%2e%2e"):
            for method, rest in (
                ("GET", ""),
                ("GET", "/events"),
                ("GET", "/result"),
                ("POST", "/cancel"),
                ("DELETE", ""),
            ):
                answer = jobs.ask(method, f"/v1/jobs/{job}{rest}", **asker)
                said.add((answer.status_code, answer.json()["detail"]))
    assert said == {(404, "There is no such job here.")}


def test_an_admin_sees_all_jobs_of_the_tenant_and_a_user_the_own_ones(
    jobs: Jobs, key: str, done: str
) -> None:
    admin = jobs.key("root", role="admin")
    mine = jobs.begin(admin)["id"]
    assert jobs.ask("GET", f"/v1/jobs/{done}", key=admin).status_code == 200
    assert {done, mine} <= set(listed(jobs, admin))
    assert mine not in listed(jobs, key)
    assert listed(jobs, jobs.key("nobody")) == []
    assert listed(jobs, jobs.key("ada", role="writer")) == listed(jobs, key)
    assert jobs.ask("GET", "/v1/jobs", key=None).status_code == 401


def test_pages_of_a_list_hold_each_job_once_the_newest_first(jobs: Jobs) -> None:
    key = jobs.key("pager")
    made = [jobs.begin(key)["id"] for _ in range(7)]
    found: list[str] = []
    path = "/v1/jobs?kind=export&limit=3"
    for _ in range(10):
        answer = jobs.ask("GET", path, key=key)
        found += [job["id"] for job in answer.json()["jobs"]]
        if "link" not in answer.headers:
            break
        link = answer.headers["link"]
        assert link.endswith('; rel="next"')
        path = link.partition(">")[0].removeprefix("<")
    assert found == made[::-1]


def test_a_list_is_filtered_by_kind_and_state(jobs: Jobs, key: str, done: str) -> None:
    waiting = jobs.begin(key)["id"]
    assert done in listed(jobs, key, "/v1/jobs?state=SUCCEEDED&limit=100")
    assert waiting not in listed(jobs, key, "/v1/jobs?state=SUCCEEDED&limit=100")
    assert waiting in listed(jobs, key, "/v1/jobs?state=QUEUED&limit=100")
    assert listed(jobs, key, "/v1/jobs?kind=import") == []


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "state=DONE", "cursor=abc", "kind=x", "stat=QUEUED", "limit"]
)
def test_a_list_that_can_not_be_asked_for_is_a_400(jobs: Jobs, key: str, query: str) -> None:
    answer = jobs.ask("GET", f"/v1/jobs?{query}", key=key)
    assert answer.status_code == 400
    assert answer.json()["parameter"]


def test_events_are_replayed_in_order_and_from_any_place(jobs: Jobs, key: str, done: str) -> None:
    path = f"/v1/jobs/{done}/events"
    events = jobs.ask("GET", path, key=key).json()["events"]
    assert [event["event"] for event in events] == ["job.accepted", "job.started", "job.succeeded"]
    seqs = [event["seq"] for event in events]
    assert seqs == sorted(set(seqs))
    for place, seq in enumerate(seqs):
        rest = jobs.ask("GET", f"{path}?after_seq={seq}", key=key).json()["events"]
        assert rest == events[place + 1 :]
    for query in ("after_seq=-1", "after_seq=x", "after=1"):
        assert jobs.ask("GET", f"{path}?{query}", key=key).status_code == 400


def test_a_result_is_there_once_the_job_succeeded(jobs: Jobs, key: str) -> None:
    job = jobs.begin(key, query="n__lt=3")["id"]
    path = f"/v1/jobs/{job}/result"
    early = jobs.ask("GET", path, key=key)
    assert early.status_code == 409
    assert early.json()["state"] in {"ACCEPTED", "QUEUED"}
    jobs.work()
    result = jobs.ask("GET", path, key=key).json()
    assert result["rows"] == 3
    now = datetime.now(UTC).timestamp()
    assert now < result["urls_end"] <= now + 900
    assert jobs.client.get(result["downloads"]["ndjson"]).text.count("\n") == 3
    jobs.ask("POST", f"/v1/jobs/{job}/cancel", key=key)
    assert jobs.ask("GET", path, key=key).status_code == 200


def test_an_expired_result_is_gone_and_says_so(jobs: Jobs, key: str) -> None:
    job_id = jobs.begin(key)["id"]
    jobs.work()
    result = jobs.ask("GET", f"/v1/jobs/{job_id}/result", key=key).json()
    ports = jobs.ports
    job = ports.store.get("acme", job_id)
    ports.outputs.remove("acme", job.folder)
    ports.store.advance(job.expired(), was_version=job.version, fencing_token=job.fencing_token)
    answer = jobs.ask("GET", f"/v1/jobs/{job_id}/result", key=key)
    assert answer.status_code == 410
    assert jobs.client.get(result["downloads"]["csv"]).status_code == 404
    assert jobs.ask("GET", f"/v1/jobs/{job_id}", key=key).json()["state"] == "EXPIRED"


def test_a_link_ends_no_later_than_the_files(jobs: Jobs, key: str, done: str) -> None:
    path = f"/v1/jobs/{done}/result"
    with jobs.later(timedelta(days=7, minutes=-5)):
        result = jobs.ask("GET", path, key=key).json()
        assert result["urls_end"] <= datetime.fromisoformat(result["kept_until"]).timestamp()
    with jobs.later(timedelta(days=7)):
        assert jobs.ask("GET", path, key=key).status_code == 410


def test_cancelling_ends_a_job_once_and_says_so_each_time(jobs: Jobs, key: str) -> None:
    job = jobs.begin(key)["id"]
    answers = [jobs.ask("POST", f"/v1/jobs/{job}/cancel", key=key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202] * 3
    assert {answer.json()["state"] for answer in answers} == {"CANCELLED"}
    jobs.work()
    assert jobs.ask("GET", f"/v1/jobs/{job}", key=key).json()["state"] == "CANCELLED"
    events = jobs.ask("GET", f"/v1/jobs/{job}/events", key=key).json()["events"]
    assert [event["event"] for event in events] == [
        "job.accepted",
        "job.cancelling",
        "job.cancelled",
    ]
    assert jobs.ask("GET", f"/v1/jobs/{job}/result", key=key).status_code == 409


def test_deleting_leaves_nothing_of_a_job_whatever_its_state(jobs: Jobs, key: str) -> None:
    finished = jobs.finished(key, formats=["csv"])
    for job in (finished["id"], jobs.begin(key)["id"]):
        assert jobs.ask("DELETE", f"/v1/jobs/{job}", key=key).status_code == 204
        for method, rest in (("GET", ""), ("DELETE", ""), ("GET", "/result")):
            assert jobs.ask(method, f"/v1/jobs/{job}{rest}", key=key).status_code == 404
        assert job not in listed(jobs, key)
    assert jobs.client.get(finished["downloads"]["csv"]).status_code == 404
    assert jobs.client.get(finished["files"]["csv"]["url"]).status_code == 404
    folder = jobs.home / "store" / "acme" / "exports" / finished["id"]
    assert not folder.exists() or not any(folder.iterdir())
    jobs.work()
