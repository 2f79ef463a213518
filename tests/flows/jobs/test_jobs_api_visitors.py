"""Visitors without a key: what they may export, how much of it, and who sees their jobs."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.flows.job_service import Jobs, job_service
from tests.flows.service import serving

from penstock.jobs.submit import Submission, submit
from penstock.local.compose_work import compose_work
from penstock.local.datasets.private import set_private
from penstock.local.opened_store import ServedPath
from penstock.local.work import work_off
from penstock.model.job import ANONYMOUS, SIZES
from penstock.model.job_id import new_job_id
from penstock.settings import Settings

PATIENT = {"type": "dataset-slice", "params": {"dataset": "area", "query": "n__lt=100"}}


@pytest.fixture
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    with job_service(tmp_path_factory.mktemp("visitors"), requests_per_minute=0) as running:
        yield running


def post(jobs: Jobs, body: Any = PATIENT, **given: Any) -> Any:
    return jobs.ask("POST", "/v1/exports", json=body, **given)


def test_a_visitor_exports_a_slice_of_a_public_dataset_to_its_end(jobs: Jobs) -> None:
    result = jobs.finished(None, query="n__lt=100", formats=["csv"])
    assert result["rows"] == 100
    assert jobs.client.get(result["downloads"]["json"]).json()[99]["n"] == 99
    assert jobs.client.get(result["files"]["csv"]["url"]).status_code == 200
    assert jobs.ask("GET", f"/exports/{result['id']}.csv").status_code == 404
    types = jobs.ask("GET", "/v1/exports/types").json()["types"]
    assert [each["type"] for each in types] == ["dataset-slice"]


def test_no_log_has_the_whole_id_of_a_visitors_job(
    jobs: Jobs, caplog: pytest.LogCaptureFixture
) -> None:
    is_idle: list[bool] = []
    with caplog.at_level(logging.INFO, logger="penstock"):
        job = jobs.begin(None, query="n__lt=100")["id"]
        settings = Settings(home=jobs.home)
        with compose_work(settings, ServedPath(demo=False), is_stopping=bool) as (worker, queue):
            work_off(
                worker,
                queue,
                sizes=SIZES,
                is_ending=lambda: bool(is_idle),
                wait=lambda _: is_idle.append(True),
            )
        assert jobs.ask("GET", f"/v1/jobs/{job}").json()["state"] == "SUCCEEDED"
        result = jobs.ask("GET", f"/v1/jobs/{job}/result").json()
        assert jobs.client.get(result["downloads"]["csv"]).status_code == 200
    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert f"id={job[:14]} " in logged
    assert job[:15] not in logged


def test_only_who_knows_its_id_sees_the_job_of_a_visitor(jobs: Jobs) -> None:
    job = jobs.begin(None, query="n__lt=100")["id"]
    anybody: list[str | None] = [None, jobs.key("ada"), jobs.key("root", role="admin")]
    for key in anybody:
        assert jobs.ask("GET", f"/v1/jobs/{job}", key=key).json()["user"] == ANONYMOUS
    for key in [jobs.key("root", role="admin"), jobs.key(ANONYMOUS), jobs.key("ada")]:
        assert jobs.ask("GET", "/v1/jobs", key=key).json()["jobs"] == []
    assert jobs.ask("GET", f"/v1/jobs/{job}", tenant="other").status_code == 404
    assert jobs.ask("GET", f"/v1/jobs/{new_job_id()}").status_code == 404
    assert jobs.ask("GET", "/v1/jobs").status_code == 401
    assert jobs.ask("POST", "/v1/events/tickets").status_code == 401


def test_a_list_goes_on_beyond_the_jobs_of_visitors(jobs: Jobs) -> None:
    admin = jobs.key("root", role="admin")
    first = jobs.begin(admin)["id"]
    for _ in range(2):
        jobs.begin(None, query="n__lt=100")
    second = jobs.begin(admin)["id"]
    found, path = [], "/v1/jobs?limit=1"
    for _ in range(6):
        answer = jobs.ask("GET", path, key=admin)
        found += [job["id"] for job in answer.json()["jobs"]]
        if "link" not in answer.headers:
            break
        path = answer.headers["link"].partition(">")[0].removeprefix("<")
    assert found == [second, first]


def test_a_visitor_may_export_what_is_public_and_no_more(jobs: Jobs) -> None:
    refused: list[tuple[Any, int]] = [
        ({"type": "dataset-slice", "params": {"dataset": "secret"}}, 404),
        ({"type": "dataset-slice", "params": {"dataset": "area"}}, 413),
        ({"type": "no-such-type"}, 404),
    ]
    for body, status in refused:
        assert post(jobs, body).status_code == status, body
    too_many = post(jobs, {"type": "dataset-slice", "params": {"dataset": "area"}}).json()
    assert (too_many["limit"], too_many["unit"]) == (2_000, "rows")
    assert post(jobs, tenant="other").status_code == 401
    of_export = jobs.finished(jobs.key(), query="n__lt=5")["dataset"]
    assert post(jobs, {**PATIENT, "params": {"dataset": of_export}}).status_code == 404


def test_a_visitor_has_few_jobs_under_way_at_once(jobs: Jobs) -> None:
    begun = [post(jobs).json()["id"] for _ in range(2)]
    refused = post(jobs)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert jobs.ask("POST", f"/v1/jobs/{begun[0]}/cancel").status_code == 202
    assert post(jobs).status_code == 202
    assert post(jobs).status_code == 429
    assert jobs.begin(jobs.key())["id"]
    jobs.work()
    assert post(jobs).status_code == 202


def test_the_jobs_of_all_visitors_of_a_tenant_are_few_at_once(
    tmp_path: Any,
) -> None:
    with job_service(tmp_path, requests_per_minute=0, caps={"anonymous_jobs": 1}) as jobs:
        assert post(jobs).status_code == 202
        assert post(jobs).status_code == 429


def test_a_visitor_s_idempotency_key_gives_the_same_job_also_at_the_limit(jobs: Jobs) -> None:
    headers = {"idempotency-key": "again"}
    first = post(jobs, headers=headers)
    assert post(jobs).status_code == 202
    assert post(jobs).status_code == 429
    assert post(jobs, headers=headers).content == first.content
    other = {**PATIENT, "formats": ["csv"]}
    assert post(jobs, other, headers=headers).status_code == 422


def test_limits_and_keys_of_visitors_hold_for_all_services_of_a_home(jobs: Jobs) -> None:
    headers = {"idempotency-key": "again"}
    first = post(jobs, headers=headers)
    with (
        serving(None, home=jobs.home, workers=0, requests_per_minute=0) as beside,
        httpx.Client(base_url=beside.url, timeout=30) as client,
    ):
        other = replace(jobs, service=beside, client=client)
        assert post(other, headers=headers).json() == first.json()
        assert post(other).status_code == 202
        assert post(other).status_code == 429
        assert post(jobs).status_code == 429
        assert post(other, headers=headers).json() == first.json()


def test_the_key_of_a_visitor_counts_when_its_job_is_over(jobs: Jobs) -> None:
    headers = {"idempotency-key": "again"}
    first = post(jobs, headers=headers).json()["id"]
    jobs.work()
    assert post(jobs, headers=headers).json()["id"] == first
    with jobs.later(timedelta(hours=25)):
        assert post(jobs, headers=headers).json()["id"] != first


def test_no_visitor_gets_a_job_by_the_key_of_another_s(jobs: Jobs) -> None:
    first = post(jobs, headers={"idempotency-key": "again"}).json()["id"]
    stored = jobs.ports.store.get("acme", first)
    assert stored.visitor is not None
    assert "127.0.0.1" not in stored.visitor
    assert stored.idempotency_key != "again"
    of_another = replace(
        Submission(
            tenant="acme",
            user=ANONYMOUS,
            kind="export",
            type=stored.type,
            params=stored.params,
            size=stored.size,
            dataset_version=stored.dataset_version,
            idempotency_key="again",
        ),
        visitor="somebody else",
    )
    assert submit(jobs.ports, of_another, now=stored.created).id != first
    as_before = replace(of_another, visitor=stored.visitor)
    assert submit(jobs.ports, as_before, now=stored.created).id == first


def test_many_posts_at_once_begin_as_many_jobs_as_a_visitor_may_have(jobs: Jobs) -> None:
    with ThreadPoolExecutor(20) as threads:
        statuses = list(threads.map(lambda _: post(jobs).status_code, range(40)))
    assert statuses.count(202) == 2
    assert statuses.count(429) == 38


def test_bytes_are_bounded_as_the_largest_format_writes_them(tmp_path: Any) -> None:
    caps = {"anonymous_export_rows": None, "anonymous_export_bytes": 5_000}
    with job_service(tmp_path, requests_per_minute=0, caps=caps) as jobs:
        few = {"dataset": "area", "query": "n__lt=50"}
        more = {"dataset": "area", "query": "n__lt=1000"}
        kind = "dataset-slice"
        assert post(jobs, {"type": kind, "params": few}).status_code == 202
        refused = post(jobs, {"type": kind, "params": more, "formats": ["json"]})
        assert refused.status_code == 413
        assert refused.json()["unit"] == "bytes"


def test_a_dataset_that_becomes_private_is_closed_to_the_next_export(jobs: Jobs) -> None:
    assert post(jobs).status_code == 202
    set_private(jobs.home / "store" / "acme", dataset="area", private=True)
    assert post(jobs).status_code == 404
