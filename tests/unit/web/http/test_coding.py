import gzip
import random
from collections.abc import Iterator
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.errors import NotAcceptableError
from penstock.web.http.coding import CODINGS, Coding, coded, negotiate

PIECES = st.lists(
    st.binary(max_size=2000) | st.builds(lambda n: b"ab" * n, st.integers(0, 300_000))
)


def decoded(data: bytes, coding: Coding) -> bytes:
    if coding == "gzip":
        return gzip.decompress(data)
    if coding == "zstd":
        with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
            return bytes(stream.read())
    return data


@pytest.mark.parametrize("coding", CODINGS)
@given(pieces=PIECES)
@example(pieces=[])
def test_what_is_coded_is_what_was_put_in(coding: Coding, pieces: list[bytes]) -> None:
    assert decoded(b"".join(coded(pieces, coding)), coding) == b"".join(pieces)


@pytest.mark.parametrize("coding", CODINGS)
@given(pieces=PIECES, cuts=st.lists(st.integers(0, 400_000)))
def test_the_coded_bytes_depend_on_the_bytes_alone_and_not_on_their_cuts(
    coding: Coding, pieces: list[bytes], cuts: list[int]
) -> None:
    joined = b"".join(pieces)
    places = sorted({0, len(joined), *(min(cut, len(joined)) for cut in cuts)})
    again = [joined[start:stop] for start, stop in pairwise(places)]
    assert b"".join(coded(again, coding)) == b"".join(coded(pieces, coding))


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_compression_holds_little_and_gives_early(coding: Coding) -> None:
    pulled = 0

    def pieces() -> Iterator[bytes]:
        nonlocal pulled
        for number in range(100):
            pulled += 1
            yield random.Random(number).randbytes(300_000)

    stream = coded(pieces(), coding)
    next(stream)
    assert pulled < 10


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "identity"),
        ("", "identity"),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, zstd", "zstd"),
        ("gzip, deflate, br", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("br", "identity"),
        ("zstd;q=0.1, gzip;q=0.9", "gzip"),
        ("zstd;q=0.5, identity", "identity"),
        ("*", "zstd"),
        ("*;q=0.1, zstd;q=0", "gzip"),
        ("identity;q=0, gzip", "gzip"),
        ("gzip;q=0", "identity"),
        ("gzip;q=x", "identity"),
        ("gzip ; q=1 , zstd ; q=0", "gzip"),
    ],
)
def test_the_coding_that_a_client_likes_best_is_taken(header: str | None, expected: str) -> None:
    assert negotiate(header, worthwhile=True) == expected


def test_where_coding_gains_nothing_only_a_refusal_of_identity_brings_it() -> None:
    assert negotiate("gzip, zstd", worthwhile=False) == "identity"
    assert negotiate("gzip, identity;q=0", worthwhile=False) == "gzip"
    assert negotiate("*;q=0, zstd", worthwhile=False) == "zstd"


@pytest.mark.parametrize("header", ["identity;q=0", "*;q=0", "br, *;q=0", "identity;q=0, gzip;q=0"])
def test_a_client_that_refuses_everything_is_told_what_there_is(header: str) -> None:
    with pytest.raises(NotAcceptableError) as raised:
        negotiate(header, worthwhile=True)
    assert raised.value.facts["codings"] == list(CODINGS)


HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["gzip", "zstd", "identity", "*", "br", "x-gzip", ""]),
        st.sampled_from(
            ["", ";q=0", ";q=0.5", ";q=1", ";q=nan", ";q=-1", ";q=inf", ";q=", ";;q=0"]
        ),
    ).map("".join)
).map(",".join)


@given(HEADERS | st.text(st.characters(max_codepoint=255)), st.booleans())
def test_any_header_at_all_is_answered_with_what_it_doesnt_refuse(
    header: str,
    worthwhile: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    try:
        chosen = negotiate(header, worthwhile=worthwhile)
    except NotAcceptableError:
        assert ";q=" in header.replace(" ", "").lower()
    else:
        assert chosen in CODINGS
        if chosen != "identity":
            assert chosen in header.lower() or "*" in header
