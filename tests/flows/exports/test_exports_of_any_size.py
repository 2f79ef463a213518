"""Exports whose result is too large for one answer: they become files all the same."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.flows.bounded import bounded
from tests.flows.scripted_jobs import JOB_ID, Desk, Fault, step
from tests.flows.scripted_jobs import serving as desk_serving
from tests.flows.service import Service, serving
from tests.flows.tenant_homes import add_key, add_tenant, store

from penstock.client import Client
from penstock.client.commands.export import export
from penstock.client.commands.get import get
from penstock.client.commands.jobs import delete_job, list_jobs, show_job
from penstock.client.commands.session import JobOptions
from penstock.errors import TransferError
from penstock.model.tenant import Caps, Tenant

ROWS = 60_000
CAP = 100_000
SLICE = ["dataset=area"]
ASKED = JobOptions()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("exports") / "home"
    caps = Caps(anonymous_exports=True, anonymous_jobs=100, anonymous_jobs_per_address=100)
    add_tenant(home, Tenant(id="acme", hosts=("localhost",), caps=caps))
    rows = {"n": range(ROWS), "name": [f"area {n * 7919 % ROWS}" for n in range(ROWS)]}
    store(home, "acme", "area", pa.table(rows))
    with serving(None, home=home, workers=1, response_bytes=CAP, requests_per_minute=0) as running:
        yield running


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    with bounded():
        yield


@pytest.fixture(params=["a key", "no key"])
def key(
    request: pytest.FixtureRequest, service: Service, monkeypatch: pytest.MonkeyPatch
) -> str | None:
    monkeypatch.setenv("PENSTOCK_URL", service.url)
    monkeypatch.delenv("PENSTOCK_KEY", raising=False)
    if request.param == "no key":
        return None
    token = add_key(service.resources, "acme", user=f"user-{id(request)}")
    monkeypatch.setenv("PENSTOCK_KEY", token)
    return token


def is_whole(file: Path) -> bool:
    if file.suffix == ".parquet":
        numbers: list[int] = pq.read_table(file).column("n").to_pylist()
        return numbers == list(range(ROWS))
    lines = file.read_text().splitlines()
    return len(lines) == ROWS + 1 and lines[-1].startswith(f"{ROWS - 1},")


def begun(capsys: pytest.CaptureFixture[str], *, formats: tuple[str, ...] = ()) -> str:
    """Export without any format but those, and give the job's id once it is over."""
    quiet = JobOptions(quiet=True)
    assert export("dataset-slice", SLICE, asked=quiet, formats=formats, wait=True) == 0
    return capsys.readouterr().out.strip()


def jobs_of(service: Service, key: str) -> list[str]:
    answer = httpx.get(f"{service.url}/v1/jobs", headers={"x-api-key": key})
    return [job["id"] for job in answer.json()["jobs"]]


def test_a_download_of_it_is_refused(service: Service) -> None:
    assert httpx.get(f"{service.url}/area.csv").status_code == 413


@pytest.mark.parametrize("extension", ["csv", "parquet"])
def test_an_export_with_an_output_writes_its_format_as_a_file(
    service: Service,
    key: str | None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    extension: str,
) -> None:
    file = tmp_path / f"big.{extension}"
    assert export("dataset-slice", SLICE, asked=ASKED, output=str(file)) == 0
    said = capsys.readouterr()
    assert is_whole(file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert f"verified: sha256 {digest} matches what the service told before" in said.err
    assert "further job" not in said.err
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    if key is not None:
        assert jobs_of(service, key) == [said.out.strip()]


def test_a_result_without_that_file_is_exported_once_more(
    service: Service, key: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = begun(capsys)
    assert show_job(job_id, asked=ASKED, output=str(tmp_path / "big.csv")) == 0
    said = capsys.readouterr().err
    assert "a further job writes it as one file" in said
    assert "matches what the service told before" in said
    assert is_whole(tmp_path / "big.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["big.csv"]


def test_the_further_file_has_the_name_of_the_first_result(
    key: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = begun(capsys, formats=("ndjson",))
    out = f"{tmp_path}/new/"
    formats = ("csv", "ndjson")
    assert show_job(job_id, asked=ASKED, output=out, formats=formats) == 0
    assert capsys.readouterr().err.count("a further job writes it") == 1
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["area.csv", "area.ndjson"]


@pytest.mark.parametrize("key", ["a key"], indirect=True)
def test_who_asks_again_is_given_the_further_job_of_before_unless_it_is_gone(
    service: Service, key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = begun(capsys)
    for number in range(2):
        assert show_job(job_id, asked=ASKED, output=str(tmp_path / f"{number}.csv")) == 0
    further, first = jobs_of(service, key)
    assert first == job_id
    assert delete_job(further, asked=ASKED) == 0
    assert show_job(job_id, asked=ASKED, output=str(tmp_path / "2.csv")) == 0
    another, _ = jobs_of(service, key)
    assert another != further
    assert {is_whole(path) for path in tmp_path.iterdir()} == {True}


@pytest.mark.parametrize("key", ["a key"], indirect=True)
def test_nobody_exports_what_is_another_s_result(
    service: Service,
    key: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job_id = begun(capsys)
    monkeypatch.setenv("PENSTOCK_KEY", add_key(service.resources, "acme", user="eve"))
    assert export("dataset-slice", [f"dataset=exports/{job_id}"], asked=ASKED) == 1
    assert "404" in capsys.readouterr().err
    assert list_jobs(asked=JobOptions(as_json=True), kind=None, state=None, limit=9) == 0
    assert capsys.readouterr().out.strip() == "[]"


def test_a_further_export_that_is_refused_is_told_with_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    too_large = Fault(status=413, problem={"detail": "It is too large."})
    refused = Fault(status=403, problem={"detail": "No more exports today."})
    faults = [None, None, too_large, refused]
    with desk_serving(Desk(steps=[step("SUCCEEDED", 9)], faults=faults)) as desk:
        out = str(tmp_path / "a.csv")
        assert show_job(JOB_ID, asked=JobOptions(url=desk.url), output=out) == 1
    told = capsys.readouterr().err
    assert "It is too large. Writing it as one file failed, too: 403" in told
    assert "No more exports today." in told
    (asked,) = [each for each in desk.asked if each.method == "POST"]
    params = {"dataset": f"exports/{JOB_ID}"}
    assert json.loads(asked.body)["params"].items() >= params.items()
    assert list(tmp_path.iterdir()) == []


def test_python_exports_to_a_file_of_any_size(
    service: Service, key: str | None, tmp_path: Path
) -> None:
    client = Client(service.url, key=key)
    done = client.export("dataset-slice", to=tmp_path / "big.csv", dataset="area")
    assert done.verified
    assert is_whole(tmp_path / "big.csv")
    done = client.export(
        "dataset-slice", "parquet", formats=["csv"], to=tmp_path / "big.parquet", dataset="area"
    )
    assert is_whole(tmp_path / "big.parquet")
    assert done.job_id is not None
    file = tmp_path / "kept.csv"
    assert show_job(done.job_id, asked=JobOptions(quiet=True), output=str(file)) == 0
    assert is_whole(file)


def test_python_reads_an_export_of_any_size_as_batches(service: Service, key: str | None) -> None:
    client = Client(service.url, key=key)
    with pytest.raises(TransferError, match="413"):
        client.batches("area")
    table = client.export_batches("dataset-slice", dataset="area", query="n__gte=1").read_all()
    assert table.column("n").to_pylist() == list(range(1, ROWS))
    with pytest.raises(TransferError, match="no dataset"):
        client.export_batches("dataset-slice", params={"dataset": "nothing"})


def test_who_downloads_too_much_is_told_what_to_do(
    service: Service, key: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert get(f"{service.url}/area.csv", str(tmp_path / "a.csv")) == 1
    told = capsys.readouterr().err
    assert "penstock export dataset-slice -p dataset=area" in told
    assert f"--format csv --url {service.url} -o FILE" in told


def test_who_may_not_export_without_a_key_is_told_that_a_key_helps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PENSTOCK_KEY", raising=False)
    home = tmp_path / "home"
    add_tenant(home, Tenant(id="acme", hosts=("localhost",)))
    store(home, "acme", "area", pa.table({"n": range(5_000)}))
    with serving(None, home=home, workers=0, response_bytes=1000) as small:
        assert get(f"{small.url}/area.csv", str(tmp_path / "a.csv")) == 1
        assert "Who has a key can take it as an export" in capsys.readouterr().err
