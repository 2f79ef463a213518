import tracemalloc
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from hypothesis import given
from hypothesis import strategies as st
from tests import stand_ins
from tests.lost_answers import answer_of, lose_first_answer, patient_client
from tests.s3_parts import emptied_bucket
from tests.stand_ins import StandIn

from penstock.aws.jobs.outputs import TAG, S3Outputs
from penstock.aws.services.uploads import PART_BYTES, parts_of
from penstock.errors import BusyError

BUCKET = "outputs-alone"
FOLDER = "exports/01HX0000000000000000000000"
MIB = 1 << 20


@pytest.fixture
def client(s3_server: StandIn) -> Any:
    return emptied_bucket(s3_server, BUCKET)


@pytest.fixture
def outputs(client: Any) -> S3Outputs:
    return S3Outputs(client=client, bucket=BUCKET)


@given(st.lists(st.binary(max_size=40)), st.integers(1, 30))
def test_parts_are_the_pieces_joined_and_cut(pieces: list[bytes], part_bytes: int) -> None:
    parts = [bytes(part) for part in parts_of(pieces, part_bytes=part_bytes)]
    assert b"".join(parts) == b"".join(pieces)
    assert all(len(part) == part_bytes for part in parts[:-1])
    assert all(0 < len(part) <= part_bytes for part in parts[-1:])


@pytest.mark.parametrize("size", [10, PART_BYTES, 2 * PART_BYTES + 1])
def test_every_file_has_the_tag_that_lifecycle_rules_go_by(
    outputs: S3Outputs, client: Any, size: int
) -> None:
    outputs.write("acme", f"{FOLDER}/a.csv", [b"x" * size])
    outputs.create("acme", f"{FOLDER}/manifest.json", b"{}")
    for name in ("a.csv", "manifest.json"):
        tags = client.get_object_tagging(Bucket=BUCKET, Key=f"acme/{FOLDER}/{name}")["TagSet"]
        assert tags == [{"Key": TAG, "Value": "exports"}]


def test_a_link_opens_ranges_of_a_file_under_its_name(outputs: S3Outputs) -> None:
    content = bytes(range(256)) * 100
    outputs.write("acme", f"{FOLDER}/file-000001.csv", [content])
    link = outputs.link("acme", f"{FOLDER}/file-000001.csv", file_name="orders.csv", seconds=60)
    assert link is not None
    with urlopen(Request(link, headers={"Range": "bytes=100-299"}), timeout=30) as answer:
        assert (answer.status, answer.read()) == (206, content[100:300])
        assert answer.headers["content-disposition"] == 'attachment; filename="orders.csv"'
    with pytest.raises(HTTPError):
        urlopen(link.replace("file-000001", "file-000002"), timeout=30)


def test_pieces_that_raise_leave_no_parts_behind(outputs: S3Outputs, client: Any) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x" * (3 * PART_BYTES)
        raise ValueError("broke off")

    with pytest.raises(ValueError, match="broke off"):
        outputs.write("acme", f"{FOLDER}/a.csv", pieces())
    assert unfinished(client) == []


def test_a_part_that_can_not_be_sent_ends_the_write_and_leaves_nothing(
    outputs: S3Outputs, client: Any
) -> None:
    failing = stand_ins.client_of("s3", client.meta.endpoint_url)
    sent: list[int] = []

    def fail(request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        sent.append(1)
        return answer_of(request, 403) if len(sent) == 2 else None

    failing.meta.events.register_first("before-send.s3.UploadPart", fail)
    pieces = (b"x" * PART_BYTES for _ in range(10))
    with pytest.raises(BusyError):
        S3Outputs(client=failing, bucket=BUCKET).write("acme", f"{FOLDER}/a.csv", pieces)
    assert len(sent) == 2
    assert unfinished(client) == []
    assert outputs.read("acme", f"{FOLDER}/a.csv", max_bytes=100 * MIB) is None


def test_removing_a_folder_ends_what_a_dead_writer_left_in_it(
    outputs: S3Outputs, client: Any
) -> None:
    keys = [f"acme/{FOLDER}/{name}" for name in ("a.csv", "b.csv")]
    keys.append(f"acme/{FOLDER}0/a.csv")
    for key in keys:
        begun = client.create_multipart_upload(Bucket=BUCKET, Key=key)
        client.upload_part(
            Bucket=BUCKET, Key=key, UploadId=begun["UploadId"], PartNumber=1, Body=b"x"
        )
    outputs.remove("acme", FOLDER, keep={"b.csv"})
    assert unfinished(client) == keys[1:]
    outputs.remove("acme", FOLDER)
    assert unfinished(client) == keys[2:]
    for each in client.list_multipart_uploads(Bucket=BUCKET)["Uploads"]:
        client.abort_multipart_upload(Bucket=BUCKET, Key=each["Key"], UploadId=each["UploadId"])


def test_a_manifest_is_the_first_to_go(client: Any) -> None:
    watching = stand_ins.client_of("s3", client.meta.endpoint_url)
    outputs = S3Outputs(client=watching, bucket=BUCKET)
    for name in ("manifest.json", "part-000001-00000.parquet"):
        outputs.write("acme", f"{FOLDER}/{name}", [b"x"])

    def refuse(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        return answer_of(request, 403)

    watching.meta.events.register_first("before-send.s3.DeleteObjects", refuse)
    with pytest.raises(BusyError):
        outputs.remove("acme", FOLDER)
    assert outputs.read("acme", f"{FOLDER}/manifest.json", max_bytes=10) is None
    assert outputs.read("acme", f"{FOLDER}/part-000001-00000.parquet", max_bytes=10) == b"x"


@pytest.mark.parametrize("stored_before", [None, b"theirs", b"more than mine"])
def test_a_file_whose_creation_was_answered_in_vain_is_known_as_ones_own(
    client: Any, outputs: S3Outputs, stored_before: bytes | None
) -> None:
    if stored_before is not None:
        outputs.create("acme", f"{FOLDER}/manifest.json", stored_before)
    forgetful = patient_client("s3", client.meta.endpoint_url)
    lose_first_answer(forgetful, "s3.PutObject")
    losing = S3Outputs(client=forgetful, bucket=BUCKET)
    was_created = losing.create("acme", f"{FOLDER}/manifest.json", b"mine")
    assert was_created is (stored_before is None)
    expected = stored_before or b"mine"
    assert outputs.read("acme", f"{FOLDER}/manifest.json", max_bytes=100) == expected


def test_a_write_holds_sixteen_mib_however_long_the_file_is(outputs: S3Outputs) -> None:
    pieces = (b"x" * 65_536 for _ in range(80 * MIB // 65_536))
    outputs.write("acme", f"{FOLDER}/first.csv", [b"x" * PART_BYTES])
    tracemalloc.start()
    try:
        outputs.write("acme", f"{FOLDER}/a.csv", pieces)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * MIB


def unfinished(client: Any) -> list[str]:
    return [each["Key"] for each in client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])]
