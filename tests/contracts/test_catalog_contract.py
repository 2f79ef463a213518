"""What every adapter of Catalog promises."""

import io
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.conftest import missing
from tests.reading_parts import minute, reader_over
from tests.s3_parts import emptied_bucket, store_of
from tests.stand_ins import StandIn

from penstock.aws.datasets.catalog import S3Catalog
from penstock.errors import (
    DatasetChangedError,
    DatasetDamagedError,
    UnknownDatasetError,
    VersionGoneError,
)
from penstock.local.datasets.catalog import folder_catalog, store_catalog
from penstock.local.datasets.private import set_private
from penstock.model.dataset import Dataset
from penstock.model.slice import everything
from penstock.ports import Catalog
from penstock.reading import sql
from penstock.reading.engine import Engine, ObjectStore
from penstock.reading.estimate import AT_ONCE
from penstock.reading.reader import Reader
from penstock.reading.scan import scan

AREAS = pa.table({"reference": ["a", "b", "c"], "entity": [1, 2, 3]})


class Store(Protocol):
    """Where a tenant `acme` has its datasets, and the catalog of it."""

    catalog: Catalog

    def put(self, name: str, table: pa.Table) -> None:
        """Store a table as a dataset's only or newest version."""
        ...

    def damage(self, name: str) -> None:
        """Store something that is no table."""
        ...

    def delete(self, name: str) -> None:
        """Remove a dataset."""
        ...


class InAStore:
    """Plain files in a store of tenants; the dataset `secret` is private."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.catalog: Catalog = store_catalog(folder, engine=engine)
        self._folder = folder / "acme" / "datasets"
        self._folder.mkdir(parents=True)
        set_private(folder / "acme", dataset="secret", private=True)

    def put(self, name: str, table: pa.Table) -> None:
        written = self._folder / f"{name}.new"
        pq.write_table(table, written, row_group_size=2)
        written.replace(self._folder / f"{name}.parquet")

    def damage(self, name: str) -> None:
        (self._folder / f"{name}.parquet").write_bytes(b"PAR1 no footer PAR1")

    def delete(self, name: str) -> None:
        (self._folder / f"{name}.parquet").unlink()


class InAFolder(InAStore):
    """Plain files in a served folder; the dataset `secret` is private."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.catalog = folder_catalog(
            folder, tenant="acme", engine=engine, private=frozenset({"secret"})
        )
        self._folder = folder


class InABucket:
    """Objects in a bucket of tenants; the dataset `secret` is private."""

    bucket = "catalog"
    single_tenant: str | None = None
    home = "acme/"
    folder = "acme/datasets/"

    def __init__(self, server: StandIn, engine: Engine) -> None:
        self._client = emptied_bucket(server, self.bucket)
        self.catalog: Catalog = S3Catalog(
            client=self._client,
            bucket=self.bucket,
            engine=engine,
            single_tenant=self.single_tenant,
        )
        self._put(f"{self.home}private.txt", b"secret\n")

    def put(self, name: str, table: pa.Table) -> None:
        written = io.BytesIO()
        pq.write_table(table, written, row_group_size=2)
        self._put(f"{self.folder}{name}.parquet", written.getvalue())

    def damage(self, name: str) -> None:
        self._put(f"{self.folder}{name}.parquet", b"PAR1 no footer PAR1")

    def delete(self, name: str) -> None:
        self._client.delete_object(Bucket=self.bucket, Key=f"{self.folder}{name}.parquet")

    def _put(self, key: str, content: bytes) -> None:
        self._client.put_object(Bucket=self.bucket, Key=key, Body=content)


class AtABucketsTop(InABucket):
    """Objects at the top of one tenant's bucket; the dataset `secret` is private."""

    single_tenant = "acme"
    home = ""
    folder = ""


FILES: dict[str, type[InAStore]] = {"folder": InAFolder, "store": InAStore}
OBJECTS: dict[str, type[InABucket]] = {"bucket": InABucket, "top of a bucket": AtABucketsTop}


@pytest.fixture(params=[*FILES, *OBJECTS])
def adapter(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def reader(adapter: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reader]:
    objects: ObjectStore | None = None
    if adapter in OBJECTS:
        server: StandIn = request.getfixturevalue("s3_server")
        objects = store_of(server.endpoint, InABucket.bucket)
    with reader_over(tmp_path, memory_bytes=100_000_000, object_store=objects) as reader:
        yield reader


@pytest.fixture
def store(adapter: str, reader: Reader, request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if adapter in OBJECTS:
        return OBJECTS[adapter](request.getfixturevalue("s3_server"), reader.engine)
    folder = tmp_path / "stored"
    folder.mkdir()
    return FILES[adapter](folder, reader.engine)


def test_a_dataset_has_its_columns_row_groups_and_a_version_fit_for_a_url(store: Store) -> None:
    store.put("area", AREAS)
    dataset = store.catalog.dataset("acme", "area")
    assert (dataset.tenant, dataset.name, dataset.private) == ("acme", "area", False)
    assert [(column.name, column.kind) for column in dataset.columns] == [
        ("reference", "text"),
        ("entity", "integer"),
    ]
    assert [group.rows for file in dataset.files for group in file.row_groups] == [2, 1]
    assert dataset.rows == 3
    assert dataset.modified.utcoffset() is not None
    assert re.fullmatch(r"[A-Za-z0-9_-]+", dataset.version)


def test_the_list_is_by_name_and_says_what_each_dataset_says(store: Store) -> None:
    for name in ("b", "secret", "a"):
        store.put(name, AREAS)
    entries = store.catalog.entries("acme")
    assert [entry.name for entry in entries] == ["a", "b", "secret"]
    for entry in entries:
        dataset = store.catalog.dataset("acme", entry.name)
        assert entry.version == dataset.version
        assert entry.modified == dataset.modified
        assert entry.private == dataset.private
        assert (entry.rows, entry.size_bytes) == (dataset.rows, dataset.size_bytes)
        assert entry.problem is None


def test_names_are_those_of_the_list_also_of_what_is_damaged(store: Store) -> None:
    for name in ("b", "secret", "a"):
        store.put(name, AREAS)
    store.damage("broken")
    assert store.catalog.names("acme") == ["a", "b", "broken", "secret"]
    assert [entry.name for entry in store.catalog.entries("acme")] == store.catalog.names("acme")


def test_what_is_private_is_known_without_a_dataset_of_that_name(store: Store) -> None:
    store.put("area", AREAS)
    private = store.catalog.private("acme")
    assert [name in private for name in ("area", "secret", "other")] == [False, True, False]


def test_a_damaged_dataset_is_listed_as_private_where_it_is(store: Store) -> None:
    store.damage("area")
    store.damage("secret")
    assert [entry.private for entry in store.catalog.entries("acme")] == [False, True]


def test_a_private_dataset_says_so(store: Store) -> None:
    store.put("secret", AREAS)
    assert store.catalog.dataset("acme", "secret").private


def test_a_tenant_without_data_has_no_datasets(store: Store) -> None:
    store.put("area", AREAS)
    assert store.catalog.entries("river") == []
    assert store.catalog.names("river") == []


@pytest.mark.parametrize("tenant", ["river", "", ".", "..", "ACME", "acme/", "acme/../acme", "*"])
def test_a_tenant_cannot_reach_anothers_dataset(store: Store, tenant: str) -> None:
    store.put("area", AREAS)
    assert store.catalog.entries(tenant) == []
    assert store.catalog.names(tenant) == []
    with pytest.raises(UnknownDatasetError):
        store.catalog.dataset(tenant, "area")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "other",
        "AREA",
        "area.parquet",
        "Area",
        "../datasets/area",
        "./area",
        "area/",
        "area\x00",
        "ar*",
        "exports",
        "a" * 101,
        "-area",
        "ärea",
    ],
)
def test_a_name_that_no_dataset_has_is_unknown_without_a_suggestion(
    store: Store, name: str
) -> None:
    store.put("area", AREAS)
    with pytest.raises(UnknownDatasetError) as raised:
        store.catalog.dataset("acme", name)
    assert "did_you_mean" not in raised.value.facts


def test_names_that_differ_in_case_alone_are_two_datasets(store: Store, tmp_path: Path) -> None:
    probe = tmp_path / "probe"
    probe.touch()
    if probe.with_name("PROBE").exists():
        missing("this file system does not tell case apart")
    store.put("area", AREAS)
    store.put("AREA", AREAS.slice(0, 1))
    assert store.catalog.dataset("acme", "area").rows == 3
    assert store.catalog.dataset("acme", "AREA").rows == 1


def test_the_current_version_can_be_pinned_and_another_is_gone(store: Store) -> None:
    store.put("area", AREAS)
    old = store.catalog.dataset("acme", "area")
    assert store.catalog.dataset("acme", "area", old.version) == old
    store.put("area", AREAS.slice(0, 1))
    new = store.catalog.dataset("acme", "area")
    assert new.version != old.version
    with pytest.raises(VersionGoneError) as raised:
        store.catalog.dataset("acme", "area", old.version)
    assert raised.value.facts["current_version"] == new.version


@pytest.mark.parametrize("version", ["", "..", "../area", "current", "x" * 300, "\x00"])
def test_a_version_that_never_was_is_gone(store: Store, version: str) -> None:
    store.put("area", AREAS)
    with pytest.raises(VersionGoneError):
        store.catalog.dataset("acme", "area", version)


def counted(reader: Reader, store: Store, dataset: Dataset) -> int:
    """Read a dataset as a request does, and count its rows."""
    asking = replace(reader, is_stored=store.catalog.is_stored)
    wanted = everything(tuple(column.name for column in dataset.columns))
    batches = scan(asking, dataset, wanted, text=sql.TextTypes(), allowance=minute(), pace=AT_ONCE)
    return sum(batch.rows.num_rows for batch in batches)


def test_a_replaced_dataset_can_be_read_no_more_and_the_new_one_can(
    store: Store, reader: Reader
) -> None:
    store.put("area", AREAS)
    old = store.catalog.dataset("acme", "area")
    assert counted(reader, store, old) == 3
    store.put("area", AREAS.slice(0, 2))
    new = store.catalog.dataset("acme", "area")
    assert counted(reader, store, new) == 2
    with pytest.raises(DatasetChangedError):
        counted(reader, store, old)


def test_a_removed_dataset_is_unknown_and_can_be_read_no_more(store: Store, reader: Reader) -> None:
    store.put("area", AREAS)
    old = store.catalog.dataset("acme", "area")
    store.delete("area")
    assert store.catalog.entries("acme") == []
    with pytest.raises(UnknownDatasetError):
        store.catalog.dataset("acme", "area")
    with pytest.raises(DatasetChangedError):
        counted(reader, store, old)


def test_a_damaged_dataset_is_listed_with_its_problem_and_stops_no_other(
    store: Store, tmp_path: Path
) -> None:
    store.put("area", AREAS)
    store.damage("broken")
    area, broken = store.catalog.entries("acme")
    assert (area.name, area.problem, broken.name) == ("area", None, "broken")
    assert broken.problem
    assert os.fspath(tmp_path) not in broken.problem
    with pytest.raises(DatasetDamagedError):
        store.catalog.dataset("acme", "broken")


def test_a_mended_dataset_is_served(store: Store) -> None:
    store.damage("area")
    with pytest.raises(DatasetDamagedError):
        store.catalog.dataset("acme", "area")
    store.put("area", AREAS)
    assert store.catalog.dataset("acme", "area").rows == 3


def test_an_empty_table_is_a_dataset(store: Store) -> None:
    store.put("area", AREAS.slice(0, 0))
    dataset: Dataset = store.catalog.dataset("acme", "area")
    assert dataset.rows == 0
    assert [column.name for column in dataset.columns] == ["reference", "entity"]
