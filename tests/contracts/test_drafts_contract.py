"""What every adapter of Drafts promises."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.job_homes import a_job
from tests.reading_parts import minute, reader_over
from tests.s3_parts import emptied_bucket, store_of

from penstock.aws.datasets.exports import S3Exports
from penstock.aws.jobs.outputs import S3Outputs
from penstock.errors import DatasetDamagedError
from penstock.exports.result import manifest_of
from penstock.local.datasets.exports import FileExports
from penstock.local.jobs.outputs import FileOutputs
from penstock.model.artifact import Artifact
from penstock.model.job import Job
from penstock.model.manifest import Manifest
from penstock.model.slice import everything
from penstock.ports import Drafts, Outputs
from penstock.reading.estimate import AT_ONCE
from penstock.reading.reader import Reader
from penstock.reading.scan import scan
from penstock.reading.sql import TextTypes

BUCKET = "drafts"
PUBLISHED = datetime(2026, 5, 3, 12, 30, tzinfo=UTC)
JOB = a_job()


@dataclass(frozen=True)
class Home:
    drafts: Drafts
    outputs: Outputs
    reader: Reader

    def stored(self, *tables: pa.Table, job: Job = JOB) -> Manifest:
        """Store parts, and give the manifest that they may get."""
        parts = []
        for number, table in enumerate(tables):
            written = io.BytesIO()
            pq.write_table(table, written)
            name = f"part-000001-{number:05}.parquet"
            self.outputs.write(job.tenant, f"{job.folder}/{name}", [written.getvalue()])
            size = len(written.getvalue())
            parts.append(Artifact(part=name, rows=table.num_rows, bytes=size, sha256="00" * 32))
        return manifest_of(job, parts, now=PUBLISHED)


@pytest.fixture(params=["bucket", "folder"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    if request.param == "folder":
        with reader_over(tmp_path) as reader:
            root = tmp_path / "store"
            yield Home(FileExports(root, engine=reader.engine), FileOutputs(root), reader)
        return
    server = request.getfixturevalue("s3_server")
    client = emptied_bucket(server, BUCKET)
    objects = store_of(server.endpoint, BUCKET)
    with reader_over(tmp_path, memory_bytes=100_000_000, object_store=objects) as reader:
        exports = S3Exports(
            client=client, bucket=BUCKET, engine=reader.engine, now=lambda: PUBLISHED
        )
        yield Home(exports, S3Outputs(client=client, bucket=BUCKET), reader)


ONE, TWO = pa.table({"n": [1, 2]}), pa.table({"n": [3]})


def test_parts_are_a_dataset_before_they_have_a_manifest(home: Home) -> None:
    dataset = home.drafts.draft(JOB.tenant, home.stored(ONE, TWO))
    assert (dataset.name, dataset.version, dataset.private) == (JOB.dataset, JOB.id, True)
    batches = scan(
        home.reader,
        dataset,
        everything(("n",)),
        text=TextTypes(),
        allowance=minute(),
        pace=AT_ONCE,
    )
    assert [n for batch in batches for n in batch.rows.column("n").to_pylist()] == [1, 2, 3]


def test_a_draft_stays_nobodys_result(home: Home) -> None:
    home.drafts.draft(JOB.tenant, home.stored(ONE))
    path = f"{JOB.folder}/manifest.json"
    assert home.outputs.read(JOB.tenant, path, max_bytes=1000) is None


def _shorter(manifest: Manifest) -> Manifest:
    (part,) = manifest.parts
    fewer = part.model_copy(update={"size_bytes": part.size_bytes - 1})
    return manifest.model_copy(update={"parts": (fewer,)})


def _elsewhere(manifest: Manifest) -> Manifest:
    (part,) = manifest.parts
    other = part.model_copy(update={"name": "part-000001-00009.parquet"})
    return manifest.model_copy(update={"parts": (*manifest.parts, other)})


@pytest.mark.parametrize("changed", [_shorter, _elsewhere])
def test_parts_that_are_not_there_as_they_should_are_damage(
    home: Home, changed: Callable[[Manifest], Manifest]
) -> None:
    manifest = home.stored(ONE)
    with pytest.raises(DatasetDamagedError):
        home.drafts.draft(JOB.tenant, changed(manifest))


def test_parts_of_different_columns_are_damage(home: Home) -> None:
    manifest = home.stored(ONE, pa.table({"m": [1]}))
    with pytest.raises(DatasetDamagedError):
        home.drafts.draft(JOB.tenant, manifest)


def test_no_tenant_has_anothers_draft(home: Home) -> None:
    manifest = home.stored(ONE)
    with pytest.raises(DatasetDamagedError):
        home.drafts.draft("other", manifest)
