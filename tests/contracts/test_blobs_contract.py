"""What every adapter of Blobs promises."""

from pathlib import Path
from typing import Protocol

import pytest

from penstock.errors import DatasetChangedError
from penstock.local.blobs import FileBlobs
from penstock.local.stored import identity_of
from penstock.model.dataset import DataFile
from penstock.ports import Blobs

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


ADAPTERS = {"file": InAFile}


@pytest.fixture(params=sorted(ADAPTERS))
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Object:
    return ADAPTERS[request.param](tmp_path)


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
