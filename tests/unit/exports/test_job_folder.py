from pathlib import Path

import pytest
from tests.job_homes import a_job
from tests.moving_clock import START

from penstock.exports.job_folder import JobFolder
from penstock.exports.result import artifacts_of, manifest_of, publish, stored_result
from penstock.local.jobs.outputs import FileOutputs
from penstock.model.artifact import Artifact
from penstock.model.manifest import Manifest
from penstock.reading.manifest import parse_manifest

JOB = a_job()
PART = Artifact(part="part-000001-00000.parquet", rows=3, bytes=40, sha256="ab" * 32)
FILE = Artifact(part="file-000001.csv", rows=3, bytes=20, sha256="cd" * 32)


@pytest.fixture
def outputs(tmp_path: Path) -> FileOutputs:
    return FileOutputs(tmp_path)


def places(outputs: FileOutputs) -> tuple[JobFolder, JobFolder]:
    one, two = (
        JobFolder(outputs=outputs, tenant=JOB.tenant, folder=JOB.folder, token=token)
        for token in (1, 2)
    )
    for place in (one, two):
        place.write(place.part(0), [b"rows"])
        place.write(place.part(1), [b"rows"])
        place.write(place.file("csv"), [b"a,b"])
        place.write(place.file("parquet", name="customer"), [b"rows"])
    return one, two


def names(tmp_path: Path) -> list[str]:
    folder = tmp_path / JOB.tenant / JOB.folder
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_attempts_never_write_under_one_name(outputs: FileOutputs, tmp_path: Path) -> None:
    places(outputs)
    assert names(tmp_path) == [
        "file-000001-customer.parquet",
        "file-000001.csv",
        "file-000002-customer.parquet",
        "file-000002.csv",
        "part-000001-00000.parquet",
        "part-000001-00001.parquet",
        "part-000002-00000.parquet",
        "part-000002-00001.parquet",
    ]


def test_an_attempt_removes_its_own_and_nothing_else(outputs: FileOutputs, tmp_path: Path) -> None:
    one, _ = places(outputs)
    outputs.create(JOB.tenant, f"{JOB.folder}/manifest.json", b"{}")
    one.remove_own(keep={"part-000001-00000.parquet"})
    assert names(tmp_path) == [
        "file-000002-customer.parquet",
        "file-000002.csv",
        "manifest.json",
        "part-000001-00000.parquet",
        "part-000002-00000.parquet",
        "part-000002-00001.parquet",
    ]


def test_a_result_removes_all_others(outputs: FileOutputs, tmp_path: Path) -> None:
    one, _ = places(outputs)
    outputs.create(JOB.tenant, f"{JOB.folder}/manifest.json", b"{}")
    one.remove_others(keep={"manifest.json", "part-000002-00000.parquet"})
    assert names(tmp_path) == ["manifest.json", "part-000002-00000.parquet"]


def test_a_manifest_tells_a_results_files(outputs: FileOutputs) -> None:
    manifest = manifest_of(JOB, [PART], [FILE], now=START)
    assert publish(outputs, JOB, manifest) == manifest
    found = stored_result(outputs, JOB)
    assert found == manifest
    assert artifacts_of(manifest) == (PART, FILE)
    assert (manifest.version, manifest.owner) == (JOB.id, JOB.user)


def test_who_publishes_first_decides(outputs: FileOutputs) -> None:
    first = manifest_of(JOB, [PART], now=START)
    second = manifest_of(JOB, [PART, FILE][:1], [FILE], now=START)
    publish(outputs, JOB, first)
    assert publish(outputs, JOB, second) == first


def test_no_result_is_none(outputs: FileOutputs) -> None:
    assert stored_result(outputs, JOB) is None


def test_a_manifest_without_rows_and_sums_is_read_as_before() -> None:
    content = (
        b'{"version": "20240501T120000Z", "published": "2024-05-01T12:00:00Z",'
        b' "parts": [{"name": "part-00000.parquet", "size_bytes": 1234}]}'
    )
    manifest = parse_manifest(content, version="20240501T120000Z", dataset="things")
    assert manifest.parts[0].rows is None
    assert manifest.files == ()
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest
