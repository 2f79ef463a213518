"""Results in a folder: what stands there as a link is followed within its tenant alone."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.reading_parts import reader_over

from penstock.errors import DatasetDamagedError
from penstock.local.datasets.exports import FileExports
from penstock.model.job_id import new_job_id
from penstock.model.manifest import Manifest, Part

PART = "part-000001-00000.parquet"


@pytest.fixture
def exports(tmp_path: Path) -> Iterator[FileExports]:
    with reader_over(tmp_path) as reader:
        yield FileExports(tmp_path / "store", engine=reader.engine)


def stored(tenant: Path, part: Path) -> str:
    """Store a result of one part, which is a link to `part`."""
    job_id = new_job_id()
    folder = tenant / "exports" / job_id
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"n": [1, 2]}), part)
    (folder / PART).symlink_to(part)
    manifest = Manifest(
        version=job_id,
        published=datetime(2026, 5, 3, tzinfo=UTC),
        parts=(Part(name=PART, size_bytes=part.stat().st_size),),
        owner="ada",
    )
    (folder / "manifest.json").write_text(manifest.model_dump_json())
    return job_id


def test_a_part_may_be_a_link_within_its_tenants_folder(
    exports: FileExports, tmp_path: Path
) -> None:
    acme = tmp_path / "store" / "acme"
    acme.mkdir(parents=True)
    assert exports.export("acme", stored(acme, acme / "elsewhere.parquet")).rows == 2


def test_a_part_that_is_a_link_to_another_tenants_file_is_refused(
    exports: FileExports, tmp_path: Path
) -> None:
    acme, other = tmp_path / "store" / "acme", tmp_path / "store" / "other"
    other.mkdir(parents=True)
    job_id = stored(acme, other / "secret.parquet")
    with pytest.raises(DatasetDamagedError, match="leads outside its folder"):
        exports.export("acme", job_id)
