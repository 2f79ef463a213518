"""Exports whose files stand in a bucket, read back from there for further formats."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.export_parts import TENANT, ExportHouse, export_house
from tests.s3_parts import emptied_bucket, s3_client, store_of
from tests.stand_ins import StandIn
from tests.stepped_outputs import Stepped, once

from penstock.aws.datasets.exports import S3Exports
from penstock.aws.jobs.outputs import S3Outputs
from penstock.errors import BusyError
from penstock.exports.limits import ExportLimits
from penstock.exports.resources import ExportResources
from penstock.model.job import Job

BUCKET = "exports-flow"
ROWS = 120_000


@pytest.fixture
def house(tmp_path: Path, s3_server: StandIn) -> Iterator[ExportHouse]:
    objects = store_of(s3_server.endpoint, BUCKET)
    emptied_bucket(s3_server, BUCKET)
    with export_house(tmp_path, object_store=objects) as opened:
        opened.put("things", pa.table({"n": pa.array(range(ROWS), pa.int64())}))
        yield opened


@pytest.fixture
def sources(house: ExportHouse, s3_server: StandIn) -> ExportResources:
    client = s3_client(s3_server.endpoint)
    exported = S3Exports(
        client=client,
        bucket=BUCKET,
        engine=house.sources.reader.engine,
        now=lambda: house.jobs.now,
    )
    return replace(
        house.sources,
        outputs=S3Outputs(client=client, bucket=BUCKET),
        exported=exported,
        drafts=exported,
        reader=replace(house.sources.reader, is_stored=lambda _: True),
        limits=ExportLimits(part_rows=100_000),
    )


def stored(server: StandIn, job: Job) -> dict[str, bytes]:
    client = s3_client(server.endpoint)
    folder = f"{TENANT}/{job.folder}/"
    listed = client.list_objects_v2(Bucket=BUCKET, Prefix=folder).get("Contents", ())
    return {
        each["Key"].removeprefix(folder): client.get_object(Bucket=BUCKET, Key=each["Key"])[
            "Body"
        ].read()
        for each in listed
    }


def test_parts_and_formats_stand_in_the_bucket(
    house: ExportHouse, sources: ExportResources, s3_server: StandIn
) -> None:
    job = house.submit("dataset-slice", {"dataset": "things"}, formats=["csv"])
    assert house.run(sources=sources).outcome == "succeeded"
    job = house.jobs.latest(job)
    files = stored(s3_server, job)
    assert set(files) == {"manifest.json", *(one.part for one in job.artifacts)}
    tables = [pq.read_table(io.BytesIO(files[one.part])) for one in job.artifacts[:2]]
    assert pa.concat_tables(tables)["n"].to_pylist() == list(range(ROWS))
    assert files["file-000001.csv"].count(b"\n") == ROWS + 1
    assert sources.exported.export(TENANT, job.id).rows == ROWS


def test_an_attempt_goes_on_from_the_parts_in_the_bucket(
    house: ExportHouse, sources: ExportResources, s3_server: StandIn
) -> None:
    def fail() -> None:
        raise BusyError("not now", retry_after_seconds=1)

    job = house.submit("dataset-slice", {"dataset": "things"})
    failing = Stepped(sources.outputs, once("half written", "00001.parquet", fail))
    assert house.run(sources=replace(sources, outputs=failing)).outcome == "retried"
    assert set(stored(s3_server, job)) == {"part-000001-00000.parquet"}
    assert house.run(sources=sources).outcome == "succeeded"
    job = house.jobs.latest(job)
    assert [one.part for one in job.artifacts] == [
        "part-000001-00000.parquet",
        "part-000003-00001.parquet",
    ]
    assert sources.exported.export(TENANT, job.id).rows == ROWS
