"""A folder that is served on one's own machine: what is exported from it, and who may."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.flows.bounded import bounded
from tests.flows.service import Service, serving
from tests.flows.tenant_homes import add_key

from penstock.client.commands.export import export, list_types
from penstock.client.commands.session import JobOptions
from penstock.local.tenants.alone import is_this_machine
from penstock.model.tenant import Tenant
from penstock.web.front.identity import Asker
from penstock.web.jobs.page import jobs_page

ROWS = 500


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    with bounded():
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    made.mkdir()
    pq.write_table(pa.table({"n": range(ROWS)}), made / "area.parquet")
    return made


@pytest.fixture
def elsewhere(folder: Path, tmp_path: Path) -> Iterator[Service]:
    """A service that other machines could ask, too."""
    with serving(folder, home=tmp_path / "home", workers=0, host="0.0.0.0") as running:
        yield running


def test_whoever_serves_a_folder_to_this_machine_exports_at_once(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("PENSTOCK_KEY", raising=False)
    with serving(folder, home=tmp_path / "home", workers=1) as service:
        asked = JobOptions(url=service.url)
        assert list_types(asked=asked) == 0
        assert "dataset-slice" in capsys.readouterr().out
        for number in range(3):
            file = tmp_path / f"{number}.csv"
            assert export("dataset-slice", ["dataset=area"], asked=asked, output=str(file)) == 0
            assert len(file.read_text().splitlines()) == ROWS + 1
        many = {
            httpx.post(
                f"{service.url}/v1/exports",
                json={"type": "dataset-slice", "params": {"dataset": "area"}},
            ).status_code
            for _ in range(10)
        }
        assert many == {202}


def test_a_folder_that_others_may_ask_is_exported_with_a_key_and_that_is_told(
    elsewhere: Service,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("PENSTOCK_KEY", raising=False)
    asked = JobOptions(url=elsewhere.url)
    assert list_types(asked=asked) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "PENSTOCK_KEY" in said.err
    assert "penstock keys add --tenant TENANT --user NAME" in said.err
    assert "the tenant is local" in said.err
    monkeypatch.setenv("PENSTOCK_KEY", add_key(elsewhere.resources, "local"))
    assert list_types(asked=asked) == 0
    assert "dataset-slice" in capsys.readouterr().out


def test_the_page_tells_this_machine_how_a_key_is_made(elsewhere: Service) -> None:
    page = httpx.get(f"{elsewhere.url}/jobs").text
    assert "penstock keys add --tenant local --user NAME" in page


def test_the_page_tells_others_neither_the_tenant_nor_the_command(elsewhere: Service) -> None:
    api = elsewhere.resources.jobs
    assert api is not None
    tenant = Tenant(id="secretly", hosts=("data.example.org",), title="Acme")
    page = jobs_page(api, Asker(tenant=tenant, key=None, address="203.0.113.9")).body
    assert isinstance(page, bytes)
    assert b"Whoever runs this service can make one for you" in page
    assert b"secretly" not in page


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost", "LOCALHOST"])
def test_these_addresses_are_this_machines_alone(host: str) -> None:
    assert is_this_machine(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "10.0.0.7", "2001:db8::1", "data.example.org", ""]
)
def test_these_addresses_are_open_to_others(host: str) -> None:
    assert not is_this_machine(host)
