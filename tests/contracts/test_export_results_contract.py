"""What every adapter of ExportResults promises."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.reading_parts import minute, reader_over
from tests.s3_parts import emptied_bucket, store_of
from tests.stand_ins import StandIn

from penstock.aws.datasets.blobs import S3Blobs
from penstock.aws.datasets.exports import S3Exports
from penstock.errors import DatasetDamagedError, UnknownDatasetError
from penstock.local.datasets.blobs import FileBlobs
from penstock.local.datasets.exports import FileExports
from penstock.model.job_id import new_job_id
from penstock.model.manifest import Manifest, Part
from penstock.model.slice import everything
from penstock.ports import Blobs, ExportResults
from penstock.reading.engine import Engine, ObjectStore
from penstock.reading.estimate import AT_ONCE
from penstock.reading.reader import Reader
from penstock.reading.scan import scan
from penstock.reading.sql import TextTypes

BUCKET = "exports"
PARTS = (pa.table({"n": [1, 2], "name": ["a", "b"]}), pa.table({"n": [3], "name": ["c"]}))
PUBLISHED = datetime(2026, 5, 3, 12, 30, tzinfo=UTC)


class Home(Protocol):
    """Where the results of tenants stand, and the adapter that reads them."""

    exported: ExportResults
    blobs: Blobs

    def put(self, tenant: str, path: str, content: bytes) -> None:
        """Store a file below a tenant's exports."""
        ...

    def remove(self, tenant: str, path: str) -> None:
        """Remove a file."""
        ...


class InAFolder:
    def __init__(self, root: Path, engine: Engine) -> None:
        self.exported: ExportResults = FileExports(root, engine=engine)
        self.blobs: Blobs = FileBlobs()
        self._root = root

    def put(self, tenant: str, path: str, content: bytes) -> None:
        place = self._root / tenant / "exports" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)

    def remove(self, tenant: str, path: str) -> None:
        (self._root / tenant / "exports" / path).unlink()


class InABucket:
    def __init__(self, server: StandIn, engine: Engine) -> None:
        self._client = emptied_bucket(server, BUCKET)
        self.exported: ExportResults = S3Exports(
            client=self._client, bucket=BUCKET, engine=engine, now=lambda: PUBLISHED
        )
        self.blobs: Blobs = S3Blobs(client=self._client, bucket=BUCKET)

    def put(self, tenant: str, path: str, content: bytes) -> None:
        self._client.put_object(Bucket=BUCKET, Key=f"{tenant}/exports/{path}", Body=content)

    def remove(self, tenant: str, path: str) -> None:
        self._client.delete_object(Bucket=BUCKET, Key=f"{tenant}/exports/{path}")


@pytest.fixture(params=["bucket", "folder"])
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def reader(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reader]:
    objects: ObjectStore | None = None
    if kind == "bucket":
        objects = store_of(request.getfixturevalue("s3_server").endpoint, BUCKET)
    with reader_over(tmp_path, memory_bytes=100_000_000, object_store=objects) as reader:
        yield reader


@pytest.fixture
def home(kind: str, reader: Reader, request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    if kind == "bucket":
        return InABucket(request.getfixturevalue("s3_server"), reader.engine)
    return InAFolder(tmp_path / "store", reader.engine)


def stored(home: Home, job_id: str, *, owner: str | None = "ada", tenant: str = "acme") -> str:
    """Store a result of two parts and a file beside them, its manifest last."""
    parts = []
    for number, table in enumerate(PARTS):
        written = io.BytesIO()
        pq.write_table(table, written)
        name = f"part-000001-{number:05}.parquet"
        home.put(tenant, f"{job_id}/{name}", written.getvalue())
        parts.append(Part(name=name, size_bytes=len(written.getvalue())))
    home.put(tenant, f"{job_id}/file-000001.csv", b"n,name\n1,a\n")
    manifest = Manifest(version=job_id, published=PUBLISHED, parts=tuple(parts), owner=owner)
    home.put(tenant, f"{job_id}/manifest.json", manifest.model_dump_json().encode())
    return job_id


def test_a_result_is_a_private_dataset_of_its_owner(home: Home, reader: Reader) -> None:
    job_id = stored(home, new_job_id())
    dataset = home.exported.export("acme", job_id)
    assert (dataset.tenant, dataset.name, dataset.version) == (
        "acme",
        f"exports/{job_id}",
        job_id,
    )
    assert (dataset.private, dataset.owner, dataset.modified) == (True, "ada", PUBLISHED)
    assert dataset.rows == 3
    batches = scan(
        reader,
        dataset,
        everything(tuple(column.name for column in dataset.columns)),
        text=TextTypes(nested=False, binary=False, interval=False),
        allowance=minute(),
        pace=AT_ONCE,
    )
    assert [n for batch in batches for n in batch.rows.column("n").to_pylist()] == [1, 2, 3]


def test_there_is_no_result_without_its_manifest_nor_elsewhere(home: Home) -> None:
    job_id = stored(home, new_job_id())
    for tenant, other in (
        ("acme", new_job_id()),
        ("other", job_id),
        ("acme", job_id.lower()),
        ("acme", "../acme"),
        ("..", job_id),
        ("acme", ""),
    ):
        with pytest.raises(UnknownDatasetError):
            home.exported.export(tenant, other)
    home.exported.export("acme", job_id)
    home.remove("acme", f"{job_id}/manifest.json")
    with pytest.raises(UnknownDatasetError):
        home.exported.export("acme", job_id)


def test_a_result_that_is_looked_for_before_it_is_there_is_found_once_it_is(home: Home) -> None:
    job_id = new_job_id()
    with pytest.raises(UnknownDatasetError):
        home.exported.export("acme", job_id)
    stored(home, job_id, owner=None)
    assert home.exported.export("acme", job_id).owner is None


def test_a_result_that_misses_a_part_is_damaged(home: Home) -> None:
    job_id = stored(home, new_job_id())
    home.remove("acme", f"{job_id}/part-000001-00001.parquet")
    with pytest.raises(DatasetDamagedError):
        home.exported.export("acme", job_id)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"version": "x"}'])
def test_a_manifest_that_is_none_is_damage(home: Home, content: bytes) -> None:
    job_id = stored(home, new_job_id())
    home.put("acme", f"{job_id}/manifest.json", content)
    with pytest.raises(DatasetDamagedError):
        home.exported.export("acme", job_id)


def test_a_file_beside_the_parts_is_found_by_its_name_and_read(home: Home) -> None:
    job_id = stored(home, new_job_id())
    file = home.exported.file("acme", job_id, "file-000001.csv")
    assert file.size_bytes == 11
    assert b"".join(home.blobs.read(file, start=2, stop=11)) == b"name\n1,a\n"
    for name in (
        "file-000002.csv",
        "manifest.json",
        "part-000001-00000.parquet",
        "../file-000001.csv",
        f"../{job_id}/file-000001.csv",
        "",
    ):
        with pytest.raises(UnknownDatasetError):
            home.exported.file("acme", job_id, name)
    with pytest.raises(UnknownDatasetError):
        home.exported.file("other", job_id, "file-000001.csv")
    home.remove("acme", f"{job_id}/manifest.json")
    with pytest.raises(UnknownDatasetError):
        home.exported.file("acme", job_id, "file-000001.csv")
