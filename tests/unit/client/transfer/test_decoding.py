"""Coded bytes back into plain ones, in whatever pieces they come."""

import gzip
from collections.abc import Iterator
from typing import Literal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.client.transfer.coding import PiecesFile, accept_encoding, decoded
from penstock.errors import TransferError

Coding = Literal["gzip", "zstd"]
CODINGS: tuple[Coding, ...] = ("gzip", "zstd")


def coded(data: bytes, coding: Coding) -> bytes:
    if coding == "gzip":
        return gzip.compress(data)
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue().to_pybytes())


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@given(
    st.lists(st.binary(max_size=2000), max_size=4), st.integers(1, 3000), st.sampled_from(CODINGS)
)
def test_frames_in_a_row_are_one_body(frames: list[bytes], size: int, coding: Coding) -> None:
    body = b"".join(coded(frame, coding) for frame in frames)
    assert b"".join(decoded(cut(body, size), coding)) == b"".join(frames)
    assert b"".join(decoded(cut(body, size), "identity")) == body


@given(st.binary(min_size=1, max_size=2000), st.data(), st.sampled_from(CODINGS))
def test_a_body_cut_off_is_an_error(data: bytes, draw: st.DataObject, coding: Coding) -> None:
    body = coded(data, coding)
    short = body[: draw.draw(st.integers(1, len(body) - 1))]
    with pytest.raises(TransferError, match="can't be decoded"):
        list(decoded([short], coding))


@given(st.binary(max_size=200), st.sampled_from(CODINGS))
def test_anything_else_behind_a_body_is_an_error(data: bytes, coding: Coding) -> None:
    with pytest.raises(TransferError, match="can't be decoded"):
        list(decoded([coded(data, coding), b"something else"], coding))


@pytest.mark.parametrize("coding", CODINGS)
def test_an_error_of_the_source_comes_through_as_it_is(coding: Coding) -> None:
    def broken() -> Iterator[bytes]:
        yield coded(b"x" * 100, coding)[:10]
        raise TransferError("the line is gone")

    with pytest.raises(TransferError, match="the line is gone"):
        list(decoded(broken(), coding))


def test_a_big_body_is_held_a_piece_at_a_time() -> None:
    body = coded(bytes(50_000_000), "zstd")
    assert max(len(piece) for piece in decoded([body], "zstd")) <= 1 << 16


@given(st.lists(st.binary(max_size=9), max_size=9), st.integers(1, 20))
def test_a_full_read_gives_all_that_was_asked_until_the_end(pieces: list[bytes], size: int) -> None:
    file, whole = PiecesFile(pieces, in_full=True), b"".join(pieces)
    for start in range(0, len(whole) + size, size):
        assert file.read(size) == whole[start : start + size]


def test_by_default_zstd_is_preferred() -> None:
    assert accept_encoding("auto") == "zstd, gzip;q=0.5"
    assert accept_encoding("identity") == "identity"
