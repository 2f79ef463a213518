import os
import threading
from collections.abc import Generator, Iterable
from pathlib import Path

import pytest

from penstock.errors import DatasetDamagedError
from penstock.web.downloads.spools import Overflow, Spool, Spools

BODY = bytes(range(256)) * 1000


def pieces_of(body: bytes, *, size: int = 1000) -> Generator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def spools(folder: Path, *, most_bytes: int = 1_000_000, kept_bytes: int = 1_000_000) -> Spools:
    return Spools(folder=folder, most_bytes=most_bytes, kept_bytes=kept_bytes)


def built(folder: Path, body: bytes = BODY) -> Spool:
    spool = spools(folder).build(pieces_of(body))
    assert isinstance(spool, Spool)
    return spool


def joined(pieces: Iterable[bytes]) -> bytes:
    return b"".join(pieces)


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_a_spool_gives_back_every_part_of_what_was_put_in(tmp_path: Path) -> None:
    spool = built(tmp_path)
    assert spool.size_bytes == len(BODY)
    for start, stop in [(0, len(BODY)), (5, 6), (7, 200_000), (3, 3)]:
        assert joined(spool.read(start, stop)) == BODY[start:stop]
    assert max(map(len, spool.read(0, len(BODY)))) <= 65_536


def test_a_spool_has_no_name_and_is_closed_with_its_last_holder(tmp_path: Path) -> None:
    spool = built(tmp_path)
    assert not list(tmp_path.iterdir())
    descriptor = spool.descriptor
    assert is_open(descriptor)
    del spool
    assert not is_open(descriptor)


def test_what_is_larger_than_a_spool_goes_on_as_a_stream(tmp_path: Path) -> None:
    pulled = 0

    def pieces() -> Generator[bytes]:
        nonlocal pulled
        for piece in pieces_of(BODY):
            pulled += 1
            yield piece

    overflow = spools(tmp_path, most_bytes=10_000).build(pieces())
    assert isinstance(overflow, Overflow)
    assert pulled == 11
    assert joined(overflow.pieces) == BODY


def test_an_unbounded_spool_takes_everything(tmp_path: Path) -> None:
    spool = spools(tmp_path, most_bytes=10).build(pieces_of(BODY), unbounded=True)
    assert isinstance(spool, Spool)
    assert joined(spool.read(0, spool.size_bytes)) == BODY


def test_a_result_of_no_bytes_is_a_spool_too(tmp_path: Path) -> None:
    assert built(tmp_path, b"").size_bytes == 0


@pytest.mark.parametrize("taken", [0, 1])
def test_closing_an_overflow_closes_what_it_comes_from(tmp_path: Path, taken: int) -> None:
    closed = threading.Event()

    def pieces() -> Generator[bytes]:
        try:
            yield from pieces_of(BODY)
        finally:
            closed.set()

    overflow = spools(tmp_path, most_bytes=10).build(pieces())
    assert isinstance(overflow, Overflow)
    for _ in range(taken):
        next(overflow.pieces)
    overflow.pieces.close()
    del overflow
    assert closed.is_set()


def test_an_error_on_the_way_is_raised_and_leaves_nothing(tmp_path: Path) -> None:
    def pieces() -> Generator[bytes]:
        yield b"a"
        raise DatasetDamagedError("trees", reason="a test")

    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(DatasetDamagedError):
        spools(tmp_path).build(pieces())
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_where_no_file_can_be_made_the_pieces_are_closed_too(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        spools(tmp_path / "gone").build(pieces_of(BODY))


def test_a_file_that_lost_bytes_is_noticed(tmp_path: Path) -> None:
    spool = built(tmp_path)
    os.ftruncate(spool.descriptor, 100)
    with pytest.raises(OSError, match="ended before its length"):
        joined(spool.read(0, spool.size_bytes))


def test_kept_spools_are_found_by_their_tenant_and_tag_alone(tmp_path: Path) -> None:
    kept, spool = spools(tmp_path), built(tmp_path)
    kept.keep("acme", '"1"', spool)
    assert kept.find("acme", '"1"') is spool
    assert kept.find("other", '"1"') is None
    assert kept.find("acme", '"2"') is None
    kept.close()
    assert kept.find("acme", '"1"') is None


def test_the_spool_that_was_used_longest_ago_makes_room(tmp_path: Path) -> None:
    kept = spools(tmp_path, kept_bytes=2 * len(BODY))
    for tag in ("1", "2"):
        kept.keep("acme", tag, built(tmp_path))
    assert kept.find("acme", "1") is not None
    kept.keep("acme", "3", built(tmp_path))
    assert [kept.find("acme", tag) is not None for tag in ("1", "2", "3")] == [True, False, True]


def test_a_reader_keeps_the_spool_that_had_to_make_room(tmp_path: Path) -> None:
    kept = spools(tmp_path, kept_bytes=0)
    spool = built(tmp_path)
    reading = spool.read(0, spool.size_bytes)
    kept.keep("acme", "1", spool)
    assert kept.find("acme", "1") is None
    del spool
    assert joined(reading) == BODY
