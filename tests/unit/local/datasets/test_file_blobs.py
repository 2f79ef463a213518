import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import missing

from penstock.errors import DatasetChangedError
from penstock.local.datasets.blobs import FileBlobs
from penstock.local.datasets.stored import identity_of
from penstock.model.dataset import DataFile

SIZE = 200_000


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("blobs") / "big.parquet"
    path.write_bytes(os.urandom(SIZE))
    return path


def described(path: Path) -> DataFile:
    status = path.stat()
    return DataFile(
        location=str(path),
        size_bytes=status.st_size,
        row_groups=(),
        identity=identity_of(status),
    )


@given(st.integers(0, SIZE), st.integers(0, SIZE))
def test_every_range_is_the_files_own_bytes(big: Path, one: int, other: int) -> None:
    start, stop = sorted((one, other))
    pieces = FileBlobs().read(described(big), start=start, stop=stop)
    assert b"".join(pieces) == big.read_bytes()[start:stop]


def test_a_file_rewritten_in_place_to_the_same_size_ends_the_read(tmp_path: Path) -> None:
    path = tmp_path / "area.parquet"
    path.write_bytes(bytes(SIZE))
    os.utime(path, (1, 1))
    pieces = FileBlobs().read(described(path), start=0, stop=SIZE)
    next(iter(pieces))
    with path.open("r+b") as file:
        file.write(b"x" * SIZE)
    with pytest.raises(DatasetChangedError):
        list(pieces)


def test_a_file_cut_short_while_it_is_read_ends_the_read(tmp_path: Path) -> None:
    path = tmp_path / "area.parquet"
    path.write_bytes(bytes(SIZE))
    pieces = FileBlobs().read(described(path), start=0, stop=SIZE)
    next(iter(pieces))
    os.truncate(path, 70_000)
    with pytest.raises(DatasetChangedError):
        list(pieces)


def test_the_same_bytes_in_another_file_are_another_object(tmp_path: Path) -> None:
    path = tmp_path / "area.parquet"
    path.write_bytes(b"same")
    file = described(path)
    other = tmp_path / "other"
    other.write_bytes(b"same")
    other.replace(path)
    with pytest.raises(DatasetChangedError):
        list(FileBlobs().read(file, start=0, stop=4))


def test_a_link_or_a_pipe_in_the_files_place_is_refused_without_waiting(tmp_path: Path) -> None:
    path = tmp_path / "area.parquet"
    path.write_bytes(b"same")
    file = described(path)
    moved = path.rename(tmp_path / "moved")
    path.symlink_to(moved)
    with pytest.raises(DatasetChangedError):
        list(FileBlobs().read(file, start=0, stop=4))
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DatasetChangedError):
        list(FileBlobs().read(file, start=0, stop=4))


def test_the_file_is_closed_when_the_reader_leaves_early(tmp_path: Path) -> None:
    path = tmp_path / "area.parquet"
    path.write_bytes(bytes(SIZE))

    def handles() -> int:
        return sum(1 for fd in Path("/proc/self/fd").iterdir() if fd.resolve() == path)

    if not Path("/proc/self/fd").exists():
        missing("this system does not list a process's open files")
    pieces = FileBlobs().read(described(path), start=0, stop=SIZE)
    next(iter(pieces))
    assert handles() == 1
    del pieces
    assert handles() == 0
