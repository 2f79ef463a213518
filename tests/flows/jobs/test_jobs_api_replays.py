"""Requests that come again: answered as before, whatever became of what they asked for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from tests.flows.job_service import Jobs, job_service
from tests.flows.tenant_homes import store

from penstock.local.datasets.private import set_private

SLICE = {"type": "dataset-slice", "params": {"dataset": "area", "query": "n__lt=10"}}


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    with job_service(tmp_path, requests_per_minute=0) as running:
        yield running


@pytest.fixture(params=["a key", "no key"])
def key(request: pytest.FixtureRequest, jobs: Jobs) -> str | None:
    return jobs.key() if request.param == "a key" else None


def post(
    jobs: Jobs, key: str | None, body: dict[str, Any] = SLICE, *, under: str = "once"
) -> httpx.Response:
    headers = {"idempotency-key": under}
    return jobs.ask("POST", "/v1/exports", key=key, json=body, headers=headers)


def datasets(jobs: Jobs) -> Path:
    return jobs.home / "store" / "acme" / "datasets"


def spoilt(jobs: Jobs, how: str) -> int:
    """Make what SLICE asks for impossible, and give the status that it gets from then on."""
    match how:
        case "removed":
            (datasets(jobs) / "area.parquet").unlink()
            return 404
        case "without its column":
            store(jobs.home, "acme", "area", pa.table({"m": [1, 2]}))
            return 400
        case _:
            (datasets(jobs) / "area.parquet").write_bytes(b"PAR1")
            return 500


@pytest.mark.parametrize("how", ["removed", "without its column", "damaged"])
def test_a_request_is_answered_as_before_when_its_dataset_is_gone(
    jobs: Jobs, key: str | None, how: str
) -> None:
    first = post(jobs, key)
    assert first.status_code == 202
    status = spoilt(jobs, how)
    assert post(jobs, key, under="another").status_code == status
    again = post(jobs, key)
    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["location"] == first.headers["location"]


def test_a_visitor_is_answered_as_before_when_the_dataset_became_private(jobs: Jobs) -> None:
    first = post(jobs, None)
    set_private(jobs.home / "store" / "acme", dataset="area", private=True)
    assert post(jobs, None).content == first.content
    assert post(jobs, None, under="another").status_code == 404


@pytest.mark.parametrize("how", ["removed", "without its column", "damaged"])
def test_another_body_under_the_key_is_still_refused_for_that(
    jobs: Jobs, key: str | None, how: str
) -> None:
    assert post(jobs, key).status_code == 202
    spoilt(jobs, how)
    other = {**SLICE, "formats": ["csv"]}
    answer = post(jobs, key, other)
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:penstock:problem:idempotency-mismatch"


def test_the_deleted_job_of_a_dataset_that_is_gone_makes_no_second_one(
    jobs: Jobs, key: str | None
) -> None:
    first = post(jobs, key).json()["id"]
    spoilt(jobs, "removed")
    assert jobs.ask("DELETE", f"/v1/jobs/{first}", key=key).status_code == 204
    again = post(jobs, key)
    assert (again.status_code, again.json()["job_id"]) == (410, first)
    assert post(jobs, key, {**SLICE, "formats": ["csv"]}).status_code == 422


def test_nobody_is_answered_what_another_was_under_the_same_key(jobs: Jobs) -> None:
    first = post(jobs, jobs.key()).json()["id"]
    spoilt(jobs, "removed")
    assert post(jobs, jobs.key("bob")).status_code == 404
    assert post(jobs, None).status_code == 404
    other = jobs.ask(
        "POST",
        "/v1/exports",
        key=jobs.key("ada", tenant="other"),
        tenant="other",
        json=SLICE,
        headers={"idempotency-key": "once"},
    )
    assert other.status_code == 202
    assert other.json()["id"] != first
