"""`penstock get` against the real service, over every break and with every kind of right to ask."""

import hashlib
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.flows.faulty_parts import Fault
from tests.flows.serve_process import started
from tests.flows.service import Service, serving
from tests.flows.tenant_homes import add_key, add_tenant, signed, store

from penstock.client.commands.get import get
from penstock.errors import DatasetDamagedError
from penstock.model.tenant import Tenant

ROWS = 40_000
BYTES_BEFORE_A_KILL = 1_000_000


def table(rows: int = ROWS) -> pa.Table:
    chance = random.Random(5)
    return pa.table(
        {
            "n": pa.array(range(rows), pa.int64()),
            "organisation-entity": [number % 5 for number in range(rows)],
            "name": [chance.randbytes(20).hex() for _ in range(rows)],
        }
    )


def store_home(home: Path) -> None:
    add_tenant(home, Tenant(id="acme", hosts=("localhost",)))
    store(home, "acme", "trees", table(), row_group_rows=5_000)
    store(home, "acme", "secret-trees", table(), private=True, row_group_rows=5_000)


@pytest.fixture(scope="module")
def fault() -> Fault:
    return Fault()


@pytest.fixture(scope="module")
def service(fault: Fault, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("home")
    store_home(home)
    with serving(None, home=home, adapt=fault.adapt, batch_rows=2_048) as running:
        yield running


TARGETS = [
    "/trees.csv",
    "/trees.csv?organisation-entity=2",
    "/trees.json?n__gte=7",
    "/trees.ndjson?_sort=-name",
    "/trees.parquet",
    "/trees.parquet?n__gte=7",
    "/trees.arrow?n__gte=7",
]


@pytest.mark.parametrize("coding", ["auto", "gzip", "identity"])
@pytest.mark.parametrize("target", TARGETS)
def test_what_arrives_is_what_the_receipt_says(
    service: Service,
    tmp_path: Path,
    target: str,
    coding: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "out"
    assert get(service.url + target, str(file), coding=coding) == 0  # type: ignore[arg-type]
    said = capsys.readouterr().err
    assert "verified: sha256 " in said
    assert "not verified" not in said
    plain = httpx.get(service.url + target, headers={"Accept-Encoding": "identity"})
    assert file.read_bytes() == plain.content
    assert hashlib.sha256(plain.content).hexdigest() in said


@pytest.mark.parametrize("coding", ["auto", "gzip", "identity"])
@pytest.mark.parametrize("extension", ["csv", "ndjson", "arrow"])
def test_a_break_within_the_service_is_overcome(
    service: Service,
    fault: Fault,
    tmp_path: Path,
    extension: str,
    coding: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = f"{service.url}/trees.{extension}?n__gte=-{len(coding)}"

    def damaged_once() -> BaseException:
        fault.clear()
        return DatasetDamagedError("trees", reason="a test")

    fault.fail(15, damaged_once)
    assert get(url, str(tmp_path / "out"), coding=coding) == 0  # type: ignore[arg-type]
    said = capsys.readouterr().err
    assert "breaks overcome: 1" in said
    assert "verified: sha256" in said
    assert "not verified" not in said
    assert (tmp_path / "out").read_bytes() == httpx.get(url).read()


def wait_for_part(part: Path, process: subprocess.Popen[str]) -> None:
    """Return when a good piece of the download is there."""
    while process.poll() is None:
        try:
            if part.stat().st_size > BYTES_BEFORE_A_KILL:
                return
        except FileNotFoundError:
            pass
    pytest.fail(f"the download ended by itself: {process.communicate()[1]}")


@pytest.mark.parametrize("coding", ["auto", "identity"])
def test_a_download_survives_the_death_of_the_service(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, coding: str
) -> None:
    data, home = tmp_path / "data", tmp_path / "home"
    data.mkdir()
    pq.write_table(table(600_000), data / "trees.parquet", row_group_size=100_000)
    file = tmp_path / "trees.csv"
    with started(data, home=home) as first:
        url = f"http://localhost:{first.port}/trees.csv?n__gte=1"
        command = [sys.executable, "-m", "penstock", "get", url, "-o", str(file)]
        download = subprocess.Popen(
            [*command, "--coding", coding],
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with download:
            wait_for_part(tmp_path / "trees.csv.part", download)
            first.process.kill()
            first.process.wait()
            with started(data, home=home, port=first.port):
                _, said = download.communicate(timeout=60)
                assert download.returncode == 0, said
                truth = httpx.get(url).content
    assert "breaks overcome: 1" in said
    assert "not verified" not in said
    assert file.read_bytes() == truth


def test_a_killed_download_goes_on_in_the_next_command(
    service: Service, fault: Fault, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, file = f"{service.url}/trees.csv?n__gte=-99", tmp_path / "trees.csv"
    fault.fail(15, lambda: DatasetDamagedError("trees", reason="a test"))
    assert get(url, str(file), retries=0) == 1
    assert "bytes are kept" in capsys.readouterr().err
    fault.clear()
    assert get(url, str(file)) == 0
    assert "verified: sha256" in capsys.readouterr().err
    assert file.read_bytes() == httpx.get(url).content


def test_a_key_in_the_environment_opens_a_private_dataset(
    service: Service,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url, file = f"{service.url}/secret-trees.csv?n__lt=10", tmp_path / "out.csv"
    monkeypatch.delenv("PENSTOCK_KEY", raising=False)
    assert get(url, str(file)) == 1
    assert "There is no dataset" in capsys.readouterr().err
    monkeypatch.setenv("PENSTOCK_KEY", "pk_aaaaaaaa_" + "x" * 43)
    assert get(url, str(file)) == 1
    assert "API key" in capsys.readouterr().err
    monkeypatch.setenv("PENSTOCK_KEY", add_key(service.resources, "acme"))
    assert get(url, str(file)) == 0
    said = capsys.readouterr().err
    assert "verified: sha256" in said
    assert "not verified" not in said
    assert file.read_bytes().count(b"\n") == 11


def test_a_signed_url_opens_a_private_dataset(
    service: Service,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("PENSTOCK_KEY", raising=False)
    claim = signed(service.resources, "acme", "/secret-trees")
    url = httpx.URL(f"{service.url}/secret-trees.csv", params={"n__lt": "10"} | claim)
    file = tmp_path / "out.csv"
    assert get(str(url), str(file)) == 0
    assert file.read_bytes().count(b"\n") == 11
    over = signed(service.resources, "acme", "/secret-trees", seconds_left=-1)
    late = httpx.URL(f"{service.url}/secret-trees.csv", params=over)
    capsys.readouterr()
    assert get(str(late), str(tmp_path / "late.csv")) == 1
    assert "expired" in capsys.readouterr().err


def test_a_page_is_what_was_asked_for_and_the_next_one_is_not_followed(
    service: Service, tmp_path: Path
) -> None:
    file = tmp_path / "out.csv"
    assert get(f"{service.url}/trees.csv?_limit=10", str(file), quiet=True) == 0
    assert file.read_bytes().count(b"\n") == 11


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        ("/treees.csv", "trees"),
        ("/trees.csv?nme=x", "name"),
        ("/trees.cvs", "csv"),
        ("/trees.csv?n__gte=abc", "n__gte"),
    ],
)
def test_a_refusal_says_what_was_probably_meant(
    service: Service,
    tmp_path: Path,
    target: str,
    hint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert get(service.url + target, str(tmp_path / "out")) == 1
    said = capsys.readouterr().err
    assert hint in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_an_interrupt_keeps_what_arrived(tmp_path: Path) -> None:
    data, home = tmp_path / "data", tmp_path / "home"
    data.mkdir()
    pq.write_table(table(600_000), data / "trees.parquet", row_group_size=100_000)
    file = tmp_path / "trees.csv"
    with started(data, home=home) as service:
        url = f"http://localhost:{service.port}/trees.csv"
        command = [sys.executable, "-m", "penstock", "get", url, "-o", str(file)]
        command += ["--coding", "identity"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as download:
            wait_for_part(tmp_path / "trees.csv.part", download)
            download.send_signal(signal.SIGINT)
            _, said = download.communicate(timeout=30)
        assert download.returncode == 130
        assert said.startswith("penstock get: Stopped.")
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert ended.returncode == 0, ended.stderr
        assert "verified: sha256" in ended.stderr
        assert file.read_bytes() == httpx.get(url).content
