"""Types of text columns: the narrowest one that keeps every value of the whole column.

A type is taken only if each value that isn't blank can be written back from it: an integer as its
very text (so `007`, `+5` and `1,000` stay text), a decimal with its number of places, a float as
the same number, a date, a time stamp and a boolean as the same moment or truth.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal

import pyarrow as pa
import pyarrow.compute as pc

Candidate = Literal[
    "true", "True", "TRUE", "bigint", "wide", "decimal", "double", "date", "timestamp", "moment"
]
"""Listed as they are preferred; the booleans are named by their spelling."""

_CANDIDATES: Final[tuple[Candidate, ...]] = (
    "true", "True", "TRUE", "bigint", "wide", "decimal", "double", "date", "timestamp", "moment",
)  # fmt: skip
_FALSE: Final[dict[str, str]] = {"true": "false", "True": "False", "TRUE": "FALSE"}

_SAFE_BIGINT_DIGITS = 18
_SAFE_DOUBLE_DIGITS = 15
"""So many decimal digits survive a double and back (IEEE 754, DBL_DIG)."""
_PRECISIONS = (9, 18, 38)
"""What Parquet stores as int32, int64 and 16 bytes: a narrower one would only refuse filters."""

_YEAR = "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_INNER_YEAR = "(?:[1-8][0-9]{3}|9[0-8][0-9]{2}|99[0-8][0-9]|999[0-8])"
"""Years that stay within four digits whatever the offset."""
_CLOCK = r"[T ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
_DATE = f"^{_YEAR}-[0-9]{{2}}-[0-9]{{2}}$"
_TIMESTAMP = f"^{_YEAR}-[0-9]{{2}}-[0-9]{{2}}{_CLOCK}$"
_MOMENT = f"^{_INNER_YEAR}-[0-9]{{2}}-[0-9]{{2}}{_CLOCK}(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])$"
_WHOLE = "^(?:0|-?[1-9][0-9]{0,37})$"
_DOUBLE = r"^(?:-?(?:0|[1-9][0-9]*)\.[0-9]+|-?[1-9][0-9]*|0)(?:e[+-][0-9]{1,2})?$"
_FIXED = re.compile(r"-?(?:0|[1-9][0-9]*)\.([0-9]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What a column may be after the values seen so far.

    `scale` is the number of decimal places of the first value, `digits` the most digits of one.
    """

    candidates: tuple[Candidate, ...] = _CANDIDATES
    seen: bool = False
    scale: int | None = None
    digits: int = 0


def narrowed(guess: Guess, values: pa.StringArray) -> Guess:
    """Drop the candidates that one of these values rules out; blanks and nulls say nothing."""
    if not guess.candidates:
        return guess
    values = values.filter(pc.not_equal(values, ""))
    if not len(values):
        return guess
    if not guess.seen:
        guess = replace(guess, seen=True, scale=_scale(values[0].as_py()))
    seen = _Seen(values)
    kept = tuple(name for name in guess.candidates if _FITS.get(name, _fits_boolean)(seen, name))
    guess = replace(guess, candidates=kept)
    return _with_decimal(guess, values) if "decimal" in kept else guess


def settled(guess: Guess) -> pa.DataType:
    """Give the type of a column that was seen whole; a column without any value is text."""
    if not guess.candidates or not guess.seen:
        return pa.string()
    match guess.candidates[0]:
        case "bigint":
            return pa.int64()
        case "wide":
            return pa.decimal128(38, 0)
        case "decimal":
            precision = next(most for most in _PRECISIONS if guess.digits <= most)
            return pa.decimal128(precision, guess.scale)
        case "double":
            return pa.float64()
        case "date":
            return pa.date32()
        case "timestamp":
            return pa.timestamp("us")
        case "moment":
            return pa.timestamp("us", tz="UTC")
        case "true" | "True" | "TRUE":
            return pa.bool_()


def typed(values: pa.StringArray, type_: pa.DataType) -> pa.Array:
    """Put text into the type that was settled for its column; a blank is null but in text."""
    if pa.types.is_string(type_):
        return values
    return pc.if_else(pc.not_equal(values, ""), values, None).cast(type_)


def _scale(first: str) -> int | None:
    matched = _FIXED.fullmatch(first)
    return len(matched[1]) if matched else None


def _with_decimal(guess: Guess, values: pa.StringArray) -> Guess:
    # "-0.00" would lose its sign in a decimal.
    digits = max(guess.digits, pc.max(pc.binary_length(pc.utf8_ltrim(values, "-"))).as_py() - 1)
    if (
        guess.scale is not None
        and digits <= _PRECISIONS[-1]
        and _all_match(values, rf"^-?(?:0|[1-9][0-9]*)\.[0-9]{{{guess.scale}}}$")
        and not pc.any(pc.match_substring_regex(values, r"^-0\.0+$")).as_py()
    ):
        return replace(guess, digits=digits)
    return replace(guess, candidates=tuple(c for c in guess.candidates if c != "decimal"))


class _Seen:
    """Values of one batch, none of them blank, and what more than one candidate asks of them."""

    def __init__(self, values: pa.StringArray) -> None:
        self.values = values

    @cached_property
    def are_whole(self) -> bool:
        return _all_match(self.values, _WHOLE)

    @cached_property
    def longest(self) -> int:
        return int(pc.max(pc.binary_length(self.values)).as_py())


def _fits_boolean(seen: _Seen, name: Candidate) -> bool:
    spellings = pa.array([name, _FALSE[name]])
    return _all(pc.is_in(seen.values, spellings))


def _fits_bigint(seen: _Seen, _: Candidate) -> bool:
    fits = seen.longest <= _SAFE_BIGINT_DIGITS or _casts(seen.values, pa.int64())
    return fits and seen.are_whole


def _fits_wide(seen: _Seen, _: Candidate) -> bool:
    return seen.are_whole


def _fits_double(seen: _Seen, _: Candidate) -> bool:
    if not (seen.are_whole or _all_match(seen.values, _DOUBLE)):
        return False
    if seen.longest <= _SAFE_DOUBLE_DIGITS:
        return True
    mantissas = pc.replace_substring_regex(seen.values, r"^-?[0.]*|\.|e.*$", "")
    long = seen.values.filter(pc.greater(pc.binary_length(mantissas), _SAFE_DOUBLE_DIGITS))
    # What a program wrote as a double's shortest text (17 digits at most) is that double.
    written = pc.replace_substring_regex(long, r"e([+-])0", r"e\1")
    return _all(pc.equal(long.cast(pa.float64()).cast(pa.string()), written))


def _fits_date(seen: _Seen, _: Candidate) -> bool:
    return _all_match(seen.values, _DATE) and _casts(seen.values, pa.date32())


def _fits_timestamp(seen: _Seen, _: Candidate) -> bool:
    return _all_match(seen.values, _TIMESTAMP) and _casts(seen.values, pa.timestamp("us"))


def _fits_moment(seen: _Seen, _: Candidate) -> bool:
    type_ = pa.timestamp("us", tz="UTC")
    return _all_match(seen.values, _MOMENT) and _casts(seen.values, type_)


_FITS: Final[dict[str, Callable[[_Seen, Candidate], bool]]] = {
    "bigint": _fits_bigint,
    "wide": _fits_wide,
    "decimal": lambda _, __: True,  # looked at last, with the scale of the first value
    "double": _fits_double,
    "date": _fits_date,
    "timestamp": _fits_timestamp,
    "moment": _fits_moment,
}


def _all(flags: pa.BooleanArray) -> bool:
    return bool(pc.all(flags, min_count=0).as_py())


def _all_match(values: pa.StringArray, pattern: str) -> bool:
    return _all(pc.match_substring_regex(values, pattern))


def _casts(values: pa.StringArray, type_: pa.DataType) -> bool:
    try:
        values.cast(type_)
    except pa.ArrowInvalid:
        return False
    return True
