import datetime as dt
import hashlib
import math
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penstock.errors import SetupError
from penstock.local.datasets.private import read_private
from penstock.local.demo.tenants import PRIVATE, demo_tenants, ensure_demo
from penstock.model.dataset import is_dataset_name
from penstock.model.tenant import is_host, is_tenant_id

DATASETS = {
    "demo": ["conservation-area", "organisation", "planning-application", "premium-pay"],
    "demo-harbour": ["ship-arrival"],
    "demo-river": ["river-level", "station"],
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    ensure_demo(home)
    return home


def file_of(home: Path, tenant: str, dataset: str) -> Path:
    return home / "store" / tenant / "datasets" / f"{dataset}.parquet"


def digests(home: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.glob("store/*/datasets/*"))
    }


def test_each_tenant_has_its_datasets_and_nothing_else(home: Path) -> None:
    found = {
        folder.name: sorted(path.stem for path in (folder / "datasets").iterdir())
        for folder in sorted((home / "store").iterdir())
    }
    assert found == DATASETS
    assert sorted(found) == sorted(tenant.id for tenant in demo_tenants())
    assert all(is_dataset_name(name) for names in found.values() for name in names)


def test_the_tenants_hosts_and_ids_can_stand_in_the_tenants_file() -> None:
    hosts = [host for tenant in demo_tenants() for host in tenant.hosts]
    assert all(is_host(host) for host in hosts)
    assert all(is_tenant_id(tenant.id) for tenant in demo_tenants())
    assert len(set(hosts)) == len(hosts)
    assert {"localhost", "127.0.0.1", "[::1]", "river.localhost", "harbour.localhost"} == set(hosts)


def test_the_conservation_areas_are_sorted_by_organisation(home: Path) -> None:
    table = pq.read_table(file_of(home, "demo", "conservation-area"))
    owners = table["organisation-entity"].to_pylist()
    sizes = Counter(owners)
    assert table.num_rows == 250_000
    assert owners == sorted(owners)
    assert 200 <= sizes[122] <= 900
    entities = pq.read_table(file_of(home, "demo", "organisation"))["entity"].to_pylist()
    assert set(owners) == set(entities)
    assert len(set(table["entity"].to_pylist())) == 250_000


def test_the_conservation_areas_hold_what_formats_stumble_over(home: Path) -> None:
    table = pq.read_table(file_of(home, "demo", "conservation-area"))
    texts = {
        str(text) for name in ("name", "notes", "reference") for text in table[name].to_pylist()
    }
    for part in ['"', ",", "\n", "\r\n", "\t", "\u2028", "🛶", "老", "م", "Π", "ŷ"]:
        assert any(part in text for text in texts), part
    for beginning in "=+-@\t0":
        assert any(text.startswith(beginning) for text in texts), beginning
    assert set(table["quality"].to_pylist()) == {"authoritative", "some", ""}
    assert {None, ""} < set(table["notes"].to_pylist())
    assert 0 < table["end-date"].null_count < table.num_rows
    assert table.schema.field("area-hectares").type == pa.decimal128(12, 4)
    assert table.schema.field("start-date").type == pa.date32()
    assert all(point.startswith("POINT (") for point in table["point"].to_pylist()[:100])


def test_one_dataset_is_nested_and_one_is_private(home: Path) -> None:
    nested = pq.read_schema(file_of(home, "demo", "planning-application")).types
    assert any(pa.types.is_map(type_) for type_ in nested)
    assert any(pa.types.is_struct(type_) for type_ in nested)
    assert sum(pa.types.is_list(type_) for type_ in nested) == 2
    private = read_private(home / "store" / "demo")
    assert [name for name in DATASETS["demo"] if name in private] == [PRIVATE["demo"]]
    assert pq.read_metadata(file_of(home, "demo", "premium-pay")).num_rows == 1_201


def test_the_river_has_levels_that_are_null_and_such_that_are_no_number(home: Path) -> None:
    table = pq.read_table(file_of(home, "demo-river", "river-level"))
    levels = table["level-metres"].to_pylist()
    assert any(level is None for level in levels)
    assert any(level is not None and math.isnan(level) for level in levels)
    assert table["measured-at"][0].as_py() == dt.datetime(2024, 3, 1, tzinfo=dt.UTC)
    stations = pq.read_table(file_of(home, "demo-river", "station"))["station"].to_pylist()
    assert set(table["station"].to_pylist()) == set(stations)


def test_the_same_bytes_are_made_again_after_an_interruption(home: Path, tmp_path: Path) -> None:
    ensure_demo(tmp_path)
    assert digests(tmp_path) == digests(home)
    broken = file_of(tmp_path, "demo-river", "station")
    broken.unlink()
    broken.with_name(".station.parquet.tmp").write_bytes(b"half")
    ensure_demo(tmp_path)
    assert digests(tmp_path) == digests(home)


def test_what_is_there_isnt_made_again(home: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in home.glob("store/*/datasets/*")}
    ensure_demo(home)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_demo_data_of_an_older_version_are_replaced(home: Path, tmp_path: Path) -> None:
    ensure_demo(tmp_path)
    (tmp_path / "demo-version.txt").write_text("0\n")
    old = file_of(tmp_path, "demo-river", "station")
    old.write_bytes(b"old")
    ensure_demo(tmp_path)
    assert digests(tmp_path) == digests(home)


def test_a_home_that_cant_be_written_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("a file")
    with pytest.raises(SetupError):
        ensure_demo(home)
