"""Query strings become pairs, or a 400."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import BadValueError
from penstock.query import pairs_of
from penstock.query.pairs import query_string_of


def test_pairs_keep_their_order_and_blank_values() -> None:
    assert pairs_of(b"b=2&a=1&b=&c") == [("b", "2"), ("a", "1"), ("b", ""), ("c", "")]


def test_empty_pieces_are_dropped() -> None:
    assert pairs_of(b"&a=1&&") == [("a", "1")]


def test_plus_is_a_space_and_an_encoded_plus_is_a_plus() -> None:
    assert pairs_of(b"a+b=c+d%2Be") == [("a b", "c d+e")]


def test_only_the_first_equals_sign_parts_key_and_value() -> None:
    assert pairs_of(b"_where=a=b") == [("_where", "a=b")]


def test_a_semicolon_is_no_separator() -> None:
    assert pairs_of(b"a=1;b=2") == [("a", "1;b=2")]


def test_raw_utf8_is_read_as_it_is() -> None:
    assert pairs_of("name=Zürich".encode()) == [("name", "Zürich")]


@pytest.mark.parametrize(
    "query",
    [b"a=%ff", b"a=%", b"a=100%", b"a=%zz", b"a=%C3", b"%00=a", b"a=%00", b"a=\x00", b"\xff=1"],
)
def test_undecodable_bytes_and_nul_are_refused(query: bytes) -> None:
    with pytest.raises(BadValueError):
        pairs_of(query)


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_pairs_or_refused(query: bytes) -> None:
    try:
        pairs = pairs_of(query)
    except BadValueError:
        return
    assert all("\0" not in key + value for key, value in pairs)


_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@settings(deadline=None)
@given(st.lists(st.tuples(_texts, _texts)))
def test_encoded_pairs_are_read_back(pairs: list[tuple[str, str]]) -> None:
    assert pairs_of(query_string_of(pairs).encode("ascii")) == pairs
