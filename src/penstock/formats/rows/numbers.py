"""Numbers as text: integers and floats by Rust's writer, decimals digit by digit."""

from functools import lru_cache

import arro3.core
import pyarrow as pa
import pyarrow.compute as pc

MAX_INT64_DIGITS = 18
"""Every decimal of so many digits fits an int64."""

_GROUP_DIGITS = 4
_READY_TEXTS = 100_000
"""Decimals below so many units of their last digit are looked up: prices, rates, quantities."""


def integers(column: pa.Array) -> list[pa.Array]:
    """Write integers of any width and sign."""
    return [_by_rust(column)]


def floats(column: pa.Array) -> list[pa.Array]:
    """Write the shortest text that reads back as the same float: `1.0`, `1e20`, `NaN`, `-inf`."""
    return [_by_rust(column.cast(pa.float32()) if pa.types.is_float16(column.type) else column)]


def decimals(column: pa.Array) -> list[pa.Array]:
    """Write every digit at the column's scale and never an exponent: `-0.05`, `12.50`."""
    precision, scale = column.type.precision, column.type.scale
    if scale < 0:
        texts = [None if value is None else f"{value:f}" for value in column.to_pylist()]
        return [pa.array(texts, pa.string())]
    if precision > MAX_INT64_DIGITS:
        return [_by_rust(column)]
    unscaled = column.cast(pa.decimal64(precision, scale)).view(pa.int64())
    if scale == 0:
        return integers(unscaled)
    bounds = pc.min_max(unscaled).as_py()
    low, high = bounds["min"] or 0, bounds["max"] or 0
    if low >= 0 and high < _READY_TEXTS:
        return [pc.take(_ready_texts(scale), unscaled, boundscheck=False)]
    parts = []
    if low < 0:
        signs = pa.array(["", "-"])
        parts.append(pc.take(signs, pc.less(unscaled, 0).cast(pa.int8()), boundscheck=False))
        unscaled = pc.abs(unscaled)
    whole, rest = divided(unscaled, 10**scale)
    return [*parts, *integers(whole), *_fraction(rest, scale)]


def divided(values: pa.Array, divisor: int) -> tuple[pa.Array, pa.Array]:
    """Divide int64 values; the quotient is cut towards zero, as the kernel does."""
    by = pa.scalar(divisor, pa.int64())
    quotient = pc.divide(values, by)
    return quotient, pc.subtract(values, pc.multiply(quotient, by))


def _fraction(rest: pa.Array, digits: int) -> list[pa.Array]:
    # The first group takes the odd digits and the point, the others four digits each.
    width = digits % _GROUP_DIGITS or min(digits, _GROUP_DIGITS)
    parts, point = [], "."
    while True:
        digits -= width
        group, rest = divided(rest, 10**digits) if digits else (rest, rest)
        parts.append(pc.take(_padded(point, width), group, boundscheck=False))
        if not digits:
            return parts
        width, point = _GROUP_DIGITS, ""


@lru_cache(maxsize=2 * _GROUP_DIGITS)
def _padded(prefix: str, width: int) -> pa.Array:
    return pa.array([f"{prefix}{number:0{width}}" for number in range(10**width)], pa.string())


@lru_cache(maxsize=4)
def _ready_texts(scale: int) -> pa.Array:
    unscaled = pa.array(range(_READY_TEXTS), pa.int64())
    return _by_rust(unscaled.view(pa.decimal64(MAX_INT64_DIGITS, scale)))


def _by_rust(column: pa.Array) -> pa.Array:
    return pa.array(arro3.core.Array.from_arrow(column).cast(arro3.core.DataType.utf8()))
