"""Tenants with workers of their own: what one sends keeps nobody else's jobs waiting."""

import time
from pathlib import Path

import pytest
from tests.flows.job_service import Jobs, job_service

from penstock.cli.homes import settings_of
from penstock.errors import SetupError
from penstock.local.compose import work_commands
from penstock.local.compose_work import compose_work
from penstock.local.opened_store import ServedPath
from penstock.local.work import work_off
from penstock.model.job import SIZES
from penstock.settings import Settings

MOST_SECONDS = 60
FLOOD = 12


def _worked_off(home: Path, *, tenant: str | None, own: dict[str, int]) -> None:
    """Work until nothing is left that this worker takes."""
    settings = Settings(home=home, own_workers=own)
    is_idle: list[bool] = []
    with compose_work(settings, ServedPath(demo=False), is_stopping=lambda: False) as (
        worker,
        queue,
    ):
        work_off(
            worker,
            queue,
            sizes=SIZES,
            tenant=tenant,
            is_ending=lambda: bool(is_idle),
            wait=lambda _: is_idle.append(True),
        )


def _states(jobs: Jobs, ids: list[str], *, tenant: str) -> set[str]:
    return {jobs.ports.store.get(tenant, job_id).state for job_id in ids}


def _begun(jobs: Jobs, *, tenant: str) -> str:
    wanted = {"type": "dataset-slice", "params": {"dataset": "area", "query": "_limit=5"}}
    answer = jobs.ask(
        "POST", "/v1/exports", key=jobs.key(tenant=tenant), tenant=tenant, json=wanted
    )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def test_a_flood_of_a_tenant_with_its_own_worker_is_left_to_it(tmp_path: Path) -> None:
    with job_service(tmp_path) as jobs:
        flood = [_begun(jobs, tenant="acme") for _ in range(FLOOD)]
        others = _begun(jobs, tenant="other")

        _worked_off(jobs.home, tenant=None, own={"acme": 1})
        assert _states(jobs, [others], tenant="other") == {"SUCCEEDED"}
        assert _states(jobs, flood, tenant="acme") == {"QUEUED"}

        later = _begun(jobs, tenant="other")
        _worked_off(jobs.home, tenant="acme", own={"acme": 1})
        assert _states(jobs, flood, tenant="acme") == {"SUCCEEDED"}
        assert _states(jobs, [later], tenant="other") == {"QUEUED"}


def test_a_service_starts_the_workers_that_a_tenant_has_of_its_own(tmp_path: Path) -> None:
    with job_service(tmp_path, workers=0, own_workers={"acme": 1}) as jobs:
        others = _begun(jobs, tenant="other")
        own = _begun(jobs, tenant="acme")
        ends = time.monotonic() + MOST_SECONDS
        while _states(jobs, [own], tenant="acme") != {"SUCCEEDED"}:
            assert time.monotonic() < ends, "nobody worked on it"
            time.sleep(0.05)
        assert _states(jobs, [others], tenant="other") == {"QUEUED"}


def test_workers_of_a_tenant_come_behind_those_of_all_others() -> None:
    settings = Settings(workers=2, own_workers={"acme": 2, "river": 1})
    commands = work_commands(settings, ServedPath(path=Path("data")))
    tenants = [
        command[command.index("--tenant") + 1] if "--tenant" in command else None
        for command in commands
    ]
    assert tenants == [None, None, "acme", "acme", "river"]
    # The first of each takes large jobs, too.
    assert ["--size" in command for command in commands] == [False, True, False, True, False]
    assert all(command[-2:] == ["--", "data"] for command in commands)


@pytest.mark.parametrize(
    "said", ["nonsense", "[]", '{"acme": 0}', '{"acme": "many"}', '{"No Tenant": 1}', "[" * 100_000]
)
def test_own_workers_that_can_not_be_read_are_named(
    monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setenv("PENSTOCK_OWN_WORKERS", said)
    with pytest.raises(SetupError, match=r"^PENSTOCK_OWN_WORKERS can't be used"):
        settings_of()


def test_own_workers_are_read_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_OWN_WORKERS", '{"acme": 2}')
    assert Settings().own_workers == {"acme": 2}
