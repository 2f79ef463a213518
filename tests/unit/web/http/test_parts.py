import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import DatasetChangedError, RangeNotSatisfiableError
from penstock.web.http.parts import AskedRanges, BodyPart, part_of

BODY = bytes(range(256)) * 4


def read(start: int, stop: int) -> Iterator[bytes]:
    for place in range(start, stop, 100):
        yield BODY[place : min(place + 100, stop)]


def made(ranges: AskedRanges | None) -> BodyPart:
    return part_of(read, length=len(BODY), media_type="text/csv", ranges=ranges)


def body_of(part: BodyPart) -> bytes:
    """The bytes of a part, which are as many as its headers say."""
    body = b"".join(part.pieces())
    assert part.headers["content-length"] == str(len(body))
    return body


def test_without_ranges_it_is_the_whole() -> None:
    part = made(None)
    assert part.status == 200
    assert part.headers["accept-ranges"] == "bytes"
    assert body_of(part) == BODY


@given(st.integers(0, len(BODY) - 1), st.integers(0, 2 * len(BODY)))
def test_one_range_is_those_bytes(first: int, more: int) -> None:
    part = made(((first, first + more),))
    assert part.status == 206
    assert body_of(part) == BODY[first : first + more + 1]
    last = min(first + more, len(BODY) - 1)
    assert part.headers["content-range"] == f"bytes {first}-{last}/{len(BODY)}"


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 1023)), min_size=2, max_size=9))
def test_several_ranges_are_parts_in_the_order_asked(asked: list[tuple[int, int]]) -> None:
    part = made(tuple((first, first + more) for first, more in asked))
    body = body_of(part)
    fitting = [(first, min(first + more, len(BODY) - 1)) for first, more in asked]
    if sum(last + 1 - first for first, last in fitting) > len(BODY):
        assert (part.status, body) == (200, BODY)
        return
    assert part.status == 206
    assert "content-range" not in part.headers
    boundary = re.fullmatch(r"multipart/byteranges; boundary=(\w+)", part.headers["content-type"])
    assert boundary is not None
    line = f"\r\n--{boundary[1]}".encode()
    before, *pieces, end = body.split(line)
    assert (before, end) == (b"", b"--\r\n")
    assert len(pieces) == len(asked)
    for piece, (first, last) in zip(pieces, fitting, strict=True):
        head, content = piece.split(b"\r\n\r\n", 1)
        assert head.split(b"\r\n") == [
            b"",
            b"Content-Type: text/csv",
            f"Content-Range: bytes {first}-{last}/{len(BODY)}".encode(),
        ]
        assert content == BODY[first : last + 1]


def test_ranges_that_overlap_make_no_more_of_the_body_than_there_is() -> None:
    part = made(((0, None),) * 32)
    assert (part.status, body_of(part)) == (200, BODY)
    assert "content-range" not in part.headers


def test_a_range_behind_the_end_is_refused() -> None:
    with pytest.raises(RangeNotSatisfiableError):
        made(((len(BODY), None),))


@pytest.mark.parametrize("ranges", [None, ((0, 9),), ((0, 9), (20, 29))])
def test_a_read_that_fails_at_once_fails_before_the_first_piece(ranges: AskedRanges | None) -> None:
    def failing(start: int, stop: int) -> Iterator[bytes]:
        if stop > start:
            raise DatasetChangedError("trees")
        yield b""

    part = part_of(failing, length=len(BODY), media_type="text/csv", ranges=ranges)
    with pytest.raises(DatasetChangedError):
        next(part.pieces())
