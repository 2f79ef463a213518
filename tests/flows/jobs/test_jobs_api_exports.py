"""`POST /v1/exports`: what begins a job, what doesn't, and how often."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from tests.flows.job_service import Jobs, job_service

from penstock.exports import all_types
from penstock.model.job_id import is_job_id

SLICE = {"type": "dataset-slice", "params": {"dataset": "area", "query": "n__lt=10"}}


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    with job_service(tmp_path_factory.mktemp("exports"), requests_per_minute=0) as running:
        yield running


@pytest.fixture(scope="module")
def key(jobs: Jobs) -> str:
    return jobs.key()


def test_a_job_is_taken_with_its_place_and_when_to_ask_again(jobs: Jobs, key: str) -> None:
    answer = jobs.ask("POST", "/v1/exports", key=key, json=SLICE)
    assert answer.status_code == 202
    job = answer.json()
    assert is_job_id(job["id"])
    assert (job["kind"], job["type"], job["state"]) == ("export", "dataset-slice", "ACCEPTED")
    assert answer.headers["location"] == job["links"]["self"] == f"/v1/jobs/{job['id']}"
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["cache-control"] == "private, no-store"
    assert jobs.ask("GET", answer.headers["location"], key=key).status_code == 200


def test_the_same_key_and_body_are_answered_byte_for_byte_whatever_became_of_the_job(
    jobs: Jobs, key: str
) -> None:
    headers = {"idempotency-key": "order-7"}
    first = jobs.ask("POST", "/v1/exports", key=key, json=SLICE, headers=headers)
    jobs.work()
    params = {"query": "n__lt=10", "dataset": "area"}
    again = jobs.ask(
        "POST",
        "/v1/exports",
        key=key,
        content=json.dumps({"params": params, "type": "dataset-slice", "formats": []}),
        headers={"content-type": "application/json", **headers},
    )
    assert first.status_code == again.status_code == 202
    assert first.content == again.content
    assert first.headers["location"] == again.headers["location"]


def test_the_key_of_a_job_that_was_deleted_makes_no_second_one(jobs: Jobs) -> None:
    key, headers = jobs.key("remover"), {"idempotency-key": "order-9"}
    first = jobs.ask("POST", "/v1/exports", key=key, json=SLICE, headers=headers).json()["id"]
    assert jobs.ask("DELETE", f"/v1/jobs/{first}", key=key).status_code == 204
    again = jobs.ask("POST", "/v1/exports", key=key, json=SLICE, headers=headers)
    assert again.status_code == 410
    assert again.json()["type"] == "urn:penstock:problem:removed-job"
    assert again.json()["job_id"] == first
    assert jobs.ask("GET", "/v1/jobs", key=key).json()["jobs"] == []
    other = {**SLICE, "formats": ["csv"]}
    answer = jobs.ask("POST", "/v1/exports", key=key, json=other, headers=headers)
    assert answer.status_code == 422
    with jobs.later(timedelta(hours=24)):
        later = jobs.ask("POST", "/v1/exports", key=key, json=SLICE, headers=headers)
    assert later.status_code == 202


def test_an_idempotency_key_belongs_to_one_body_and_one_user(jobs: Jobs, key: str) -> None:
    headers = {"idempotency-key": "order-8"}
    first = jobs.ask("POST", "/v1/exports", key=key, json=SLICE, headers=headers)
    for other in (
        {**SLICE, "formats": ["csv"]},
        {**SLICE, "params": {"dataset": "area", "query": "n__lt=11"}},
    ):
        answer = jobs.ask("POST", "/v1/exports", key=key, json=other, headers=headers)
        assert answer.status_code == 422
        assert answer.json()["type"] == "urn:penstock:problem:idempotency-mismatch"
    bob = jobs.ask("POST", "/v1/exports", key=jobs.key("bob"), json=SLICE, headers=headers)
    assert bob.status_code == 202
    assert bob.json()["id"] != first.json()["id"]


def test_a_hundred_posts_at_once_with_one_idempotency_key_make_one_job(
    jobs: Jobs, key: str
) -> None:
    def post(_: int) -> tuple[int, bytes]:
        headers = {"idempotency-key": "all-at-once"}
        answer = jobs.ask("POST", "/v1/exports", key=key, json=SLICE, headers=headers)
        return answer.status_code, answer.content

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(post, range(100)))
    made = {content for status, content in answers if status == 202}
    assert len(made) == 1
    assert {status for status, _ in answers} <= {202, 409}


@pytest.mark.parametrize("given", ["", "a b", "x" * 256])
def test_an_idempotency_key_of_another_form_is_refused(jobs: Jobs, key: str, given: str) -> None:
    headers = {"idempotency-key": given}
    answer = jobs.ask("POST", "/v1/exports", key=key, json=SLICE, headers=headers)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"type": "no-such-type"}, 404, "no-such-type"),
        ({**SLICE, "more": 1}, 422, "more"),
        ({"type": "dataset-slice", "params": {"datset": "area"}}, 422, "params.dataset"),
        ({"type": "dataset-slice", "params": {"dataset": "area", "qury": ""}}, 422, "query"),
        ({"type": "dataset-slice", "params": {"dataset": "aera"}}, 404, "area"),
        ({"type": "dataset-slice", "params": {"dataset": "area", "query": "x=1"}}, 400, "x"),
        ({**SLICE, "formats": ["docx"]}, 422, "docx"),
        (["not", "an", "object"], 422, "object"),
    ],
)
def test_what_can_not_be_exported_is_a_problem_that_says_why(
    jobs: Jobs, key: str, body: Any, status: int, said: str
) -> None:
    answer = jobs.ask("POST", "/v1/exports", key=key, json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.text


def test_a_body_is_json_of_64_kib_at_most(jobs: Jobs, key: str) -> None:
    as_form = {"content-type": "application/x-www-form-urlencoded"}
    as_text = {"content-type": "text/plain"}
    as_json = {"content-type": "application/json"}
    content = json.dumps(SLICE)
    for headers in (as_form, as_text, {}):
        answer = jobs.ask("POST", "/v1/exports", key=key, content=content, headers=headers)
        assert answer.status_code == 415, headers
    long = content + " " * 65_536
    answer = jobs.ask("POST", "/v1/exports", key=key, content=long, headers=as_json)
    assert answer.status_code == 413
    chunks = iter([content.encode(), *[b" " * 1000] * 70])
    answer = jobs.ask("POST", "/v1/exports", key=key, content=chunks, headers=as_json)
    assert answer.status_code == 413
    answer = jobs.ask("POST", "/v1/exports", key=key, content=b"{", headers=as_json)
    assert answer.status_code == 422


def test_no_key_and_a_bad_one_begin_nothing_where_visitors_may_not(jobs: Jobs) -> None:
    for tenant, key, status in (("other", None, 401), ("acme", "pk_" + "a" * 8 + "_x", 401)):
        answer = jobs.ask("POST", "/v1/exports", key=key, tenant=tenant, json=SLICE)
        assert answer.status_code == status
        assert answer.headers["www-authenticate"]


def test_a_role_that_does_not_suffice_is_told_so(jobs: Jobs, key: str) -> None:
    needing = [each for each in all_types().values() if each.role == "admin"]
    for declared in needing:
        answer = jobs.ask("POST", "/v1/exports", key=key, json={"type": declared.name})
        assert answer.status_code == 403, declared.name


def test_types_are_listed_with_the_schemas_of_their_declarations(jobs: Jobs, key: str) -> None:
    for asker in (key, jobs.key("root", role="admin")):
        role = "admin" if asker != key else "reader"
        answer = jobs.ask("GET", "/v1/exports/types", key=asker).json()
        listed = {each["type"]: each for each in answer["types"]}
        ranks = {None: 0, "reader": 1, "writer": 2, "admin": 3}
        fitting = {n for n, each in all_types().items() if ranks[each.role] <= ranks[role]}
        assert set(listed) == fitting
        for name, each in listed.items():
            assert each["params"] == all_types()[name].parameters.model_json_schema()


def test_a_password_that_a_browser_knows_begins_nothing(jobs: Jobs, key: str) -> None:
    answer = jobs.client.post(
        "/v1/exports", json=SLICE, auth=("ada", key), headers={"host": "other.localhost"}
    )
    assert answer.status_code == 401
    got = jobs.client.get("/v1/jobs", auth=("ada", key), headers={"host": "localhost"})
    assert got.status_code == 200


def test_pages_of_other_origins_are_told_nothing(jobs: Jobs, key: str) -> None:
    origin = {"origin": "https://evil.example"}
    asked = {
        **origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "x-api-key,content-type",
    }
    answers = [
        jobs.ask("OPTIONS", "/v1/exports", headers=asked),
        jobs.ask("POST", "/v1/exports", key=key, json=SLICE, headers=origin),
        jobs.ask("POST", "/v1/exports", key=key, json={}, headers=origin),
        jobs.ask("POST", "/v1/exports", json={}, tenant="other", headers=origin),
        jobs.ask("GET", "/v1/jobs", key=key, headers=origin),
    ]
    assert [answer.status_code for answer in answers] == [204, 202, 422, 422, 200]
    for answer in answers:
        assert not any(name.startswith("access-control-") for name in answer.headers)


def test_methods_are_those_that_options_tell(jobs: Jobs, key: str) -> None:
    job = jobs.begin(key)["id"]
    paths = {
        "/v1/exports": "OPTIONS, POST",
        "/v1/exports/types": "GET, HEAD, OPTIONS",
        "/v1/jobs": "GET, HEAD, OPTIONS",
        f"/v1/jobs/{job}": "DELETE, GET, HEAD, OPTIONS",
        f"/v1/jobs/{job}/events": "GET, HEAD, OPTIONS",
        f"/v1/jobs/{job}/result": "GET, HEAD, OPTIONS",
        f"/v1/jobs/{job}/cancel": "OPTIONS, POST",
        "/v1/events/tickets": "OPTIONS, POST",
    }
    for path, allowed in paths.items():
        assert jobs.ask("OPTIONS", path).headers["allow"] == allowed
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - set(allowed.split(", ")):
            answer = jobs.ask(method, path, key=key)
            assert answer.status_code == 405, (method, path)
            assert answer.headers["allow"] == allowed
    for path in ("/v1/imports", "/v1/exchanges", "/v1/nothing", "/v1/"):
        assert jobs.ask("POST", path, key=key, json=SLICE).status_code == 404


def test_head_is_get_without_its_body(jobs: Jobs, key: str) -> None:
    job = jobs.begin(key)["id"]
    for path in ("/v1/jobs", f"/v1/jobs/{job}", "/v1/exports/types"):
        got, head = (jobs.ask(method, path, key=key) for method in ("GET", "HEAD"))
        assert head.content == b""
        assert head.headers["content-length"] == got.headers["content-length"]
