"""What every adapter of Blobs promises."""

from pathlib import Path
from typing import Protocol
from urllib.request import urlopen

import pytest
from tests.s3_parts import emptied_bucket
from tests.stand_ins import StandIn

from penstock.aws.datasets.blobs import S3Blobs
from penstock.errors import DatasetChangedError
from penstock.local.datasets.blobs import FileBlobs
from penstock.local.datasets.stored import identity_of
from penstock.model.dataset import DataFile
from penstock.ports import Blobs
from penstock.reading.objects import StoredObject

CONTENT = bytes(range(251)) * 1000
PIECE_BYTES = 65_536


class Object(Protocol):
    """One stored object and the adapter that reads it."""

    blobs: Blobs

    def put(self, content: bytes) -> DataFile:
        """Store the object, or replace it as a whole, and describe it."""
        ...

    def delete(self) -> None:
        """Remove the object."""
        ...


class InAFile:
    """An object that is a file."""

    def __init__(self, folder: Path) -> None:
        self.blobs: Blobs = FileBlobs()
        self._path = folder / "area.parquet"

    def put(self, content: bytes) -> DataFile:
        written = self._path.with_suffix(".new")
        written.write_bytes(content)
        written.replace(self._path)
        return DataFile(
            location=str(self._path),
            size_bytes=len(content),
            row_groups=(),
            identity=identity_of(self._path.stat()),
        )

    def delete(self) -> None:
        self._path.unlink()


class InABucket:
    """An object of S3, whose name a client may well have chosen."""

    bucket = "blobs"
    key = "acme/datasets/an area #1 + %41 & ü.parquet"

    def __init__(self, server: StandIn) -> None:
        self._client = emptied_bucket(server, self.bucket)
        self.blobs: Blobs = S3Blobs(client=self._client, bucket=self.bucket)

    def put(self, content: bytes) -> DataFile:
        put = self._client.put_object(Bucket=self.bucket, Key=self.key, Body=content)
        stored = StoredObject(bucket=self.bucket, key=self.key, etag=put["ETag"].strip('"'))
        return DataFile(location=stored.location, size_bytes=len(content), row_groups=())

    def delete(self) -> None:
        self._client.delete_object(Bucket=self.bucket, Key=self.key)


class InAVersionedBucket(InABucket):
    """An object of S3 in a bucket that keeps what was replaced."""

    bucket = "blobs-with-versions"

    def __init__(self, server: StandIn) -> None:
        super().__init__(server)
        self._client.put_bucket_versioning(
            Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"}
        )


@pytest.fixture(params=["file", "s3", "s3 with versions"])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Object:
    if request.param == "file":
        return InAFile(tmp_path)
    kind = InABucket if request.param == "s3" else InAVersionedBucket
    return kind(request.getfixturevalue("s3_server"))


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (0, len(CONTENT)),
        (0, 1),
        (len(CONTENT) - 1, len(CONTENT)),
        (PIECE_BYTES - 1, PIECE_BYTES + 1),
        (PIECE_BYTES, 3 * PIECE_BYTES),
        (7, 7),
    ],
)
def test_a_range_is_read_exactly_in_pieces_of_64_kib(stored: Object, start: int, stop: int) -> None:
    pieces = list(stored.blobs.read(stored.put(CONTENT), start=start, stop=stop))
    assert b"".join(pieces) == CONTENT[start:stop]
    assert all(0 < len(piece) <= PIECE_BYTES for piece in pieces)


def test_a_read_beyond_the_end_fails_and_does_not_end_early(stored: Object) -> None:
    pieces = stored.blobs.read(stored.put(CONTENT), start=0, stop=len(CONTENT) + 1)
    with pytest.raises(DatasetChangedError):
        list(pieces)


def test_an_object_that_took_the_others_place_before_the_read_is_refused(stored: Object) -> None:
    described = stored.put(CONTENT)
    stored.put(CONTENT[::-1])
    with pytest.raises(DatasetChangedError):
        list(stored.blobs.read(described, start=0, stop=10))


def test_an_object_of_another_size_is_refused(stored: Object) -> None:
    described = stored.put(CONTENT)
    stored.put(CONTENT + b"more")
    with pytest.raises(DatasetChangedError):
        list(stored.blobs.read(described, start=0, stop=10))


def test_an_object_that_is_gone_is_refused(stored: Object) -> None:
    described = stored.put(CONTENT)
    stored.delete()
    with pytest.raises(DatasetChangedError):
        list(stored.blobs.read(described, start=0, stop=10))


def test_a_read_stays_on_its_object_when_another_takes_its_place(stored: Object) -> None:
    pieces = stored.blobs.read(stored.put(CONTENT), start=0, stop=len(CONTENT))
    read = next(iter(pieces))
    stored.put(CONTENT[::-1])
    assert read + b"".join(pieces) == CONTENT


def test_a_read_stays_on_its_object_when_it_is_removed(stored: Object) -> None:
    pieces = stored.blobs.read(stored.put(CONTENT), start=0, stop=len(CONTENT))
    read = next(iter(pieces))
    stored.delete()
    assert read + b"".join(pieces) == CONTENT


def test_a_link_opens_the_object_under_the_name_asked_for_or_there_is_none(stored: Object) -> None:
    file = stored.put(CONTENT)
    link = stored.blobs.link(file, file_name="area 2024.parquet", seconds=60)
    if link is not None:
        with urlopen(link, timeout=30) as answer:
            assert answer.read() == CONTENT
            said = answer.headers["content-disposition"]
        assert said == 'attachment; filename="area 2024.parquet"'


def test_no_link_opens_another_content_than_the_one_that_was_asked_for(stored: Object) -> None:
    file = stored.put(CONTENT)
    if stored.blobs.link(file, file_name="area.parquet", seconds=60) is None:
        return
    for change in (lambda: stored.put(CONTENT[::-1]), stored.delete):
        change()
        with pytest.raises(DatasetChangedError):
            stored.blobs.link(file, file_name="area.parquet", seconds=60)


@pytest.mark.parametrize(
    ("kind", "opened"), [(InAVersionedBucket, CONTENT), (InABucket, CONTENT[::-1])]
)
def test_where_versions_are_kept_a_link_goes_on_opening_its_content(
    s3_server: StandIn, kind: type[InABucket], opened: bytes
) -> None:
    stored = kind(s3_server)
    file = stored.put(CONTENT)
    link = stored.blobs.link(file, file_name="area.parquet", seconds=60)
    assert link is not None
    stored.put(CONTENT[::-1])
    with urlopen(link, timeout=30) as answer:
        assert answer.read() == opened


def test_files_have_no_link_and_objects_have_one(s3_server: StandIn, tmp_path: Path) -> None:
    for stored, has_one in ((InAFile(tmp_path), False), (InABucket(s3_server), True)):
        link = stored.blobs.link(stored.put(CONTENT), file_name="area.parquet", seconds=60)
        assert (link is not None) is has_one
