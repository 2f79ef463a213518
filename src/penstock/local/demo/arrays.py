"""Columns of made-up values: the same on every machine, without any random state.

A value is drawn from a hash of its row's number and of the column's salt, in integers only.
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

_STEP = 0x9E3779B97F4A7C15
_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
"""The constants of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
_WORD = (1 << 64) - 1


def counted(rows: int, *, start: int = 0) -> pa.Int64Array:
    """Count `rows` rows up from `start`."""
    return pa.array(range(start, start + rows), pa.int64())


def hashed(rows: pa.Int64Array, *, salt: int) -> pa.UInt64Array:
    """Hash each number, another way for each salt; `hash_of` gives the same for one number."""
    mixed = pc.add(_product(rows.cast(pa.uint64()), _STEP), _word((salt + 1) * _STEP))
    for shift, factor in zip((30, 27), _MIX, strict=True):
        mixed = _product(pc.bit_wise_xor(mixed, pc.shift_right(mixed, _word(shift))), factor)
    return pc.bit_wise_xor(mixed, pc.shift_right(mixed, _word(31)))


def hash_of(row: int, *, salt: int) -> int:
    """Hash one number."""
    mixed = (row * _STEP + (salt + 1) * _STEP) & _WORD
    for shift, factor in zip((30, 27), _MIX, strict=True):
        mixed = ((mixed ^ (mixed >> shift)) * factor) & _WORD
    return mixed ^ (mixed >> 31)


def drawn(rows: pa.Int64Array, *, below: int, salt: int) -> pa.Int64Array:
    """Draw a number from 0 to `below` (exclusive, at most 2**31) for each row."""
    high = pc.shift_right(hashed(rows, salt=salt), _word(32))
    return pc.shift_right(_product(high, below), _word(32)).cast(pa.int64())


def draw(row: int, *, below: int, salt: int) -> int:
    """Draw one number as `drawn` does."""
    return ((hash_of(row, salt=salt) >> 32) * below) >> 32


def picked(rows: pa.Int64Array, choices: Sequence[str | None], *, salt: int) -> pa.StringArray:
    """Pick one of the texts for each row; one that stands twice is picked twice as often."""
    return pa.array(choices, pa.string()).take(drawn(rows, below=len(choices), salt=salt))


def happens(rows: pa.Int64Array, *, per_thousand: int, salt: int) -> pa.BooleanArray:
    """Say yes for so many rows in a thousand."""
    return pc.less(drawn(rows, below=1000, salt=salt), per_thousand)


def scaled(numbers: pa.Int64Array, *, precision: int, scale: int) -> pa.Decimal128Array:
    """Read whole numbers as decimals with `scale` places: 12345 as 1.2345."""
    whole = numbers.cast(pa.decimal128(19, 0))
    type_ = pa.decimal128(38, scale)
    return pa.Array.from_buffers(type_, len(whole), whole.buffers()).cast(
        pa.decimal128(precision, scale)
    )


def joined(*parts: pa.Array | str) -> pa.StringArray:
    """Put texts and numbers side by side, row by row."""
    texts = [part if isinstance(part, str) else part.cast(pa.string()) for part in parts]
    return pc.binary_join_element_wise(*texts, "")


def _product(left: pa.UInt64Array, right: int) -> pa.UInt64Array:
    return pc.multiply(left, _word(right))


def _word(number: int) -> pa.UInt64Scalar:
    return pa.scalar(number & _WORD, pa.uint64())
