"""Pairs: a query string decoded into pairs of key and value, and encoded again."""

import re
from urllib.parse import quote_plus, unquote_to_bytes

from penstock.errors import BadValueError

_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def pairs_of(query_string: bytes) -> list[tuple[str, str]]:
    """Decode a query string into its pairs, in URL order, blank values kept.

    The rules are those of HTML forms: `&` alone separates, `+` is a space, a key without `=` has
    the empty value; empty pieces (`a=1&&b=2`) are dropped.

    Raises BadValueError for a `%` without two base16 digits, for bytes that are no UTF-8, and for
    a NUL character, which no stored text can be compared with.
    """
    pairs = []
    for piece in query_string.split(b"&"):
        if piece:
            raw_key, _, raw_value = piece.partition(b"=")
            key = _decoded(raw_key, parameter="a key")
            pairs.append((key, _decoded(raw_value, parameter=key)))
    return pairs


def query_string_of(pairs: list[tuple[str, str]]) -> str:
    """Encode pairs, in this order, in the one way that canonical queries are spelled."""
    return "&".join(f"{_encoded(key)}={_encoded(value)}" for key, value in pairs)


def _decoded(raw: bytes, *, parameter: str) -> str:
    if _BROKEN_ESCAPE.search(raw):
        raise BadValueError(
            parameter,
            raw.decode(errors="replace"),
            expected="percent-encoded text",
            example="%25 for a percent sign",
        )
    try:
        text = unquote_to_bytes(raw.replace(b"+", b" ")).decode()
    except UnicodeDecodeError as error:
        raise BadValueError(
            parameter,
            raw.decode(errors="replace"),
            expected="UTF-8 text, percent-encoded",
            example="%C3%BC for ü",
        ) from error
    if "\0" in text:
        shown = text.replace("\0", "\N{SYMBOL FOR NULL}")
        raise BadValueError(parameter, shown, expected="text without a NUL character")
    return text


def _encoded(text: str) -> str:
    # RFC 3986 section 3.4 lets these stand in a query; they keep lists and times readable.
    return quote_plus(text, safe=",:*()")
