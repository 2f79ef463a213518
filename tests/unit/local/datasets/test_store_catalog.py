import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penstock.errors import DatasetDamagedError, UnknownDatasetError, VersionGoneError
from penstock.local.datasets.catalog import FileCatalog, store_catalog
from penstock.local.datasets.private import set_private
from penstock.local.datasets.publish import publish
from penstock.reading.engine import Engine

PUBLISHED = datetime(2024, 5, 1, 12, tzinfo=UTC)
ESCAPING = json.dumps(
    {
        "version": "v1",
        "published": "2024-05-01T00:00:00Z",
        "parts": [{"name": "../../../../river/datasets/area.parquet", "size_bytes": 1}],
    }
).encode()
AREAS = pa.table({"reference": ["a", "b", "c"]})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "store"
    for tenant in ("acme", "river"):
        (root / tenant / "datasets").mkdir(parents=True)
    return root


@pytest.fixture
def store(root: Path, engine: Engine) -> FileCatalog:
    return store_catalog(root, engine=engine)


def put(path: Path, rows: int = 3) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(AREAS.slice(0, rows), path)
    return path


def put_version(root: Path, version: str, *rows: int) -> None:
    publish(
        root,
        tenant="acme",
        dataset="area",
        version=version,
        parts=(AREAS.slice(0, count) for count in rows),
        published=PUBLISHED,
    )


def problems(store: FileCatalog, tenant: str = "acme") -> dict[str, str | None]:
    return {entry.name: entry.problem for entry in store.entries(tenant)}


def test_a_published_version_is_served_part_by_part(root: Path, store: FileCatalog) -> None:
    put_version(root, "v1", 2, 3)
    dataset = store.dataset("acme", "area")
    assert (dataset.version, dataset.modified) == ("v1", PUBLISHED)
    assert [file.rows for file in dataset.files] == [2, 3]
    (entry,) = store.entries("acme")
    assert (entry.name, entry.version, entry.rows) == ("area", "v1", 5)
    assert entry.size_bytes == dataset.size_bytes


def test_an_older_version_can_be_pinned_while_it_is_stored(root: Path, store: FileCatalog) -> None:
    put_version(root, "v1", 1)
    old = store.dataset("acme", "area")
    put_version(root, "v2", 2)
    assert store.dataset("acme", "area").version == "v2"
    assert store.is_stored(old)
    assert store.dataset("acme", "area", "v1") == old
    for path in (root / "acme/datasets/area/v1").iterdir():
        path.unlink()
    assert not store.is_stored(old)
    with pytest.raises(VersionGoneError) as raised:
        store.dataset("acme", "area", "v1")
    assert raised.value.facts["current_version"] == "v2"


def test_a_version_without_its_manifest_is_not_there_yet(root: Path, store: FileCatalog) -> None:
    put_version(root, "v1", 1)
    put(root / "acme/datasets/area/v2/part-00000.parquet")
    assert store.dataset("acme", "area").version == "v1"
    with pytest.raises(VersionGoneError):
        store.dataset("acme", "area", "v2")


def test_a_folder_without_a_current_version_is_no_dataset(root: Path, store: FileCatalog) -> None:
    put(root / "acme/datasets/area/v1/part-00000.parquet")
    assert store.entries("acme") == []
    with pytest.raises(UnknownDatasetError):
        store.dataset("acme", "area")


@pytest.mark.parametrize(
    ("file_name", "content"),
    [
        ("current", b""),
        ("current", b"../v1"),
        ("current", b"v2"),
        ("current", b"\xff"),
        ("current", b"v" * 5000),
        ("v1/manifest.json", b"{"),
        ("v1/manifest.json", b'{"version": "v1", "published": "2024-05-01T00:00:00Z"}'),
        ("v1/manifest.json", ESCAPING),
        ("v1/part-00000.parquet", b"PAR1PAR1"),
    ],
)
def test_a_damaged_version_says_why_and_stops_no_other(
    root: Path, store: FileCatalog, file_name: str, content: bytes
) -> None:
    put_version(root, "v1", 1)
    put(root / "acme/datasets/other.parquet")
    (root / "acme/datasets/area" / file_name).write_bytes(content)
    with pytest.raises(DatasetDamagedError) as raised:
        store.dataset("acme", "area")
    assert problems(store) == {"area": raised.value.reason, "other": None}


def test_a_missing_and_an_exchanged_part_are_damage(root: Path, store: FileCatalog) -> None:
    put_version(root, "v1", 1)
    part = root / "acme/datasets/area/v1/part-00000.parquet"
    pq.write_table(pa.table({"reference": ["another"] * 50}), part)
    with pytest.raises(DatasetDamagedError, match="differs from its manifest"):
        store.dataset("acme", "area")
    part.unlink()
    with pytest.raises(DatasetDamagedError, match="missing"):
        store.dataset("acme", "area")


def test_parts_with_different_columns_are_damage(root: Path, store: FileCatalog) -> None:
    tables = [pa.table({"a": [1]}), pa.table({"a": ["1"]})]
    publish(
        root,
        tenant="acme",
        dataset="area",
        version="v1",
        parts=iter(tables),
        published=PUBLISHED,
    )
    with pytest.raises(DatasetDamagedError, match="different columns"):
        store.dataset("acme", "area")


def test_a_plain_file_and_a_folder_of_one_name_are_both_refused(
    root: Path, store: FileCatalog
) -> None:
    put_version(root, "v1", 1)
    put(root / "acme/datasets/area.parquet")
    with pytest.raises(DatasetDamagedError, match=r"“area” and “area\.parquet”"):
        store.dataset("acme", "area")
    assert list(problems(store)) == ["area"]


def test_tenants_have_their_own_datasets_of_one_name(root: Path, store: FileCatalog) -> None:
    put(root / "acme/datasets/area.parquet", rows=1)
    put(root / "river/datasets/area.parquet", rows=2)
    assert store.dataset("acme", "area").rows == 1
    assert store.dataset("river", "area").rows == 2


def test_a_link_within_the_tenants_folder_is_followed(root: Path, store: FileCatalog) -> None:
    real = put(root / "acme/kept/area-2024.parquet")
    (root / "acme/datasets/area.parquet").symlink_to(real)
    assert store.dataset("acme", "area").files[0].location == str(real.resolve())
    assert problems(store) == {"area": None}


@pytest.mark.parametrize("hops", [1, 2])
def test_a_link_to_another_tenants_file_is_not_followed(
    root: Path, store: FileCatalog, hops: int
) -> None:
    target = put(root / "river/datasets/gauge.parquet")
    for hop in range(hops - 1):
        (root / f"acme/hop-{hop}").symlink_to(target)
        target = root / f"acme/hop-{hop}"
    (root / "acme/datasets/area.parquet").symlink_to(target)
    with pytest.raises(UnknownDatasetError):
        store.dataset("acme", "area")
    problem = problems(store)["area"]
    assert problem is not None
    assert "leads outside" in problem


@pytest.mark.parametrize(
    "link",
    [
        "acme",
        "acme/datasets",
        "acme/datasets/area",
        "acme/datasets/area/v1",
        "acme/datasets/area/current",
        "acme/datasets/area/v1/manifest.json",
        "acme/datasets/area/v1/part-00000.parquet",
    ],
)
def test_no_step_of_a_version_may_lead_to_another_tenant(
    tmp_path: Path, engine: Engine, link: str
) -> None:
    root = tmp_path / "store"
    put_version(root, "v1", 3)
    shutil.copytree(root / "acme", root / "river")
    store = store_catalog(root, engine=engine)
    assert store.dataset("acme", "area").rows == 3
    (root / link).rename(root / "away")
    (root / link).symlink_to(root / link.replace("acme", "river", 1))
    with pytest.raises((UnknownDatasetError, DatasetDamagedError)):
        store.dataset("acme", "area")
    assert [entry for entry in store.entries("acme") if entry.problem is None] == []
    assert store.dataset("river", "area").rows == 3


def test_a_loop_of_links_is_no_dataset(root: Path, store: FileCatalog) -> None:
    place = root / "acme/datasets/area.parquet"
    place.symlink_to(place)
    put(root / "acme/datasets/other.parquet")
    with pytest.raises(UnknownDatasetError):
        store.dataset("acme", "area")
    assert problems(store)["other"] is None
    assert "nowhere" in str(problems(store)["area"])


def test_a_pipe_or_a_folder_in_a_files_place_is_never_opened(
    root: Path, store: FileCatalog
) -> None:
    os.mkfifo(root / "acme/datasets/pipe.parquet")
    (root / "acme/datasets/folder.parquet").mkdir()
    put(root / "acme/datasets/area.parquet")
    found = problems(store)
    assert found["area"] is None
    assert "not a file" in str(found["folder"])
    assert "not a file" in str(found["pipe"])
    for name in ("pipe", "folder"):
        with pytest.raises(DatasetDamagedError):
            store.dataset("acme", name)


def test_a_pipe_in_the_place_of_a_small_file_does_not_block(root: Path, store: FileCatalog) -> None:
    put_version(root, "v1", 1)
    (root / "acme/datasets/area/current").unlink()
    os.mkfifo(root / "acme/datasets/area/current")
    os.mkfifo(root / "acme/private.txt")
    (entry,) = store.entries("acme")
    assert entry.private
    assert entry.problem == "its `current` can't be read"


def test_a_private_dataset_is_private_in_list_and_detail(root: Path, store: FileCatalog) -> None:
    put(root / "acme/datasets/secret.parquet")
    put(root / "acme/datasets/area.parquet")
    set_private(root / "acme", dataset="secret", private=True)
    assert {entry.name: entry.private for entry in store.entries("acme")} == {
        "area": False,
        "secret": True,
    }
    assert store.dataset("acme", "secret").private
    set_private(root / "acme", dataset="secret", private=False)
    assert not store.dataset("acme", "secret").private


def test_everything_is_private_while_the_marker_cannot_be_read(
    root: Path, store: FileCatalog
) -> None:
    put(root / "acme/datasets/area.parquet")
    (root / "acme/private.txt").mkdir()
    assert store.dataset("acme", "area").private


def test_a_file_rewritten_in_place_is_described_anew(root: Path, store: FileCatalog) -> None:
    path = put(root / "acme/datasets/area.parquet", rows=1)
    old = store.dataset("acme", "area")
    path.write_bytes(put(root / "kept.parquet", rows=2).read_bytes())
    new = store.dataset("acme", "area")
    assert (old.rows, new.rows) == (1, 2)
    assert old.version != new.version
    assert not store.is_stored(old)
