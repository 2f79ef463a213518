"""Numbers: text into integers, decimals and floats that fit a column, never rounded in silence."""

import math
import re
import struct
import sys
from decimal import ROUND_DOWN, Context, Decimal

from penstock.errors import BadValueError
from penstock.model.dataset import Column
from penstock.model.slice import CompareOperator, Constant
from penstock.query.bad_values import bad_value

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_INFINITIES = {
    "inf": math.inf,
    "+inf": math.inf,
    "infinity": math.inf,
    "-inf": -math.inf,
    "-infinity": -math.inf,
}
_DECIMAL_TYPE = re.compile(r"DECIMAL\(([0-9]+),([0-9]+)\)")

MOST_DIGITS = 400
"""Digits that a number may have: enough for every finite double written out."""

WIDEST_DECIMAL = 38
"""Digits of the engine's widest decimal."""

_EXACT = Context(prec=2000)

_KEPT: dict[CompareOperator, tuple[CompareOperator, CompareOperator]] = {
    ">": (">=", ">"),
    ">=": (">=", ">"),
    "<": ("<", "<="),
    "<=": ("<", "<="),
}
"""The operator that keeps the same rows once a bound is cut towards zero: below it, above it."""

_RANGES = {
    "TINYINT": (-(2**7), 2**7 - 1),
    "SMALLINT": (-(2**15), 2**15 - 1),
    "INTEGER": (-(2**31), 2**31 - 1),
    "BIGINT": (-(2**63), 2**63 - 1),
    "HUGEINT": (-(2**127), 2**127 - 1),
    "UTINYINT": (0, 2**8 - 1),
    "USMALLINT": (0, 2**16 - 1),
    "UINTEGER": (0, 2**32 - 1),
    "UBIGINT": (0, 2**64 - 1),
    "UHUGEINT": (0, 2**128 - 1),
}

_FLOAT_MAX: float = struct.unpack("<f", b"\xff\xff\x7f\x7f")[0]


def equal_number(text: str, of: Column, *, parameter: str) -> Constant:
    """Give the constant that equals `text` in a numeric column.

    A decimal with more places than its column keeps them, in a type of its own: it equals no row.
    Raises BadValueError.
    """
    match of.kind:
        case "integer":
            value = _number(text, of, parameter)
            if value != value.to_integral_value():
                raise _out_of_range(text, of, parameter)
            return _integer(int(value), text, of, parameter)
        case "decimal":
            value = _number(text, of, parameter)
            return _decimal(value, text, of, parameter)
        case _:
            return _float(text, of, parameter)


def bound_number(
    text: str, of: Column, operator: CompareOperator, *, parameter: str
) -> tuple[CompareOperator, Constant]:
    """Give the operator and constant of an order comparison with a numeric column.

    A bound between two values that the column can hold becomes the nearer-to-zero one of them
    with the operator that keeps the same rows: `> 1.5` of integers is `> 1`. So bounds have the
    column's own type, and statistics of row groups apply. Raises BadValueError.
    """
    if of.kind == "float":
        return operator, _float(text, of, parameter)
    value = _number(text, of, parameter)
    step = Decimal(1).scaleb(-scale_of(of))
    kept = value.quantize(step, rounding=ROUND_DOWN, context=_EXACT)
    if kept != value:
        operator = _KEPT[operator][value > 0]
    if of.kind == "integer":
        return operator, _integer(int(kept), text, of, parameter)
    return operator, _decimal(kept, text, of, parameter)


def scale_of(of: Column) -> int:
    """Digits behind the point that a numeric column holds; 0 for integers."""
    matched = _DECIMAL_TYPE.fullmatch(of.type_name)
    return int(matched[2]) if matched else 0


def precision_of(of: Column) -> int:
    """Digits that a decimal column holds in all."""
    matched = _DECIMAL_TYPE.fullmatch(of.type_name)
    return int(matched[1]) if matched else WIDEST_DECIMAL


def _number(text: str, of: Column, parameter: str) -> Decimal:
    stripped = text.strip()
    if not _NUMBER.fullmatch(stripped) or len(stripped) > MOST_DIGITS:
        raise bad_value(text, of, parameter=parameter)
    value = Decimal(stripped)
    # Beyond this it fits no column, and writing it out would take its exponent's length.
    if value and not -MOST_DIGITS <= value.adjusted() <= MOST_DIGITS:
        raise _out_of_range(text, of, parameter)
    return Decimal(format(value, "f")) if value else Decimal(0)


def _integer(value: int, text: str, of: Column, parameter: str) -> Constant:
    least, greatest = _RANGES.get(of.type_name, _RANGES["HUGEINT"])
    if not least <= value <= greatest:
        raise _out_of_range(text, of, parameter)
    return Constant(value, of.type_name)


def _decimal(value: Decimal, text: str, of: Column, parameter: str) -> Constant:
    precision, scale = precision_of(of), scale_of(of)
    whole_digits = precision - scale
    if abs(value) >= Decimal(10) ** whole_digits:
        raise _out_of_range(text, of, parameter)
    value = _shortest(value)
    places = _places(value)
    if places <= scale:
        return Constant(value, of.type_name)
    # Both sides meet in a type that holds every place and every whole digit of the column.
    if whole_digits + places > WIDEST_DECIMAL:
        raise _out_of_range(text, of, parameter)
    digits = min(max(value.adjusted() + 1, 1) + places, WIDEST_DECIMAL)
    return Constant(value, f"DECIMAL({digits},{places})")


def _float(text: str, of: Column, parameter: str) -> Constant:
    word = text.strip().lower()
    if word == "nan":
        # As text, which the engine casts: a float that is no number doesn't equal itself.
        return Constant(word, of.type_name)
    if word in _INFINITIES:
        return Constant(_INFINITIES[word], of.type_name)
    value = float(_number(text, of, parameter)) + 0.0  # -0.0 becomes 0.0: the two are equal
    if of.type_name == "FLOAT":
        try:
            # What the column stores for this text: 0.1 finds the row that shows 0.1.
            value = struct.unpack("<f", struct.pack("<f", value))[0]
        except OverflowError:
            value = math.inf
    if math.isinf(value):
        raise _out_of_range(text, of, parameter)
    return Constant(value, of.type_name)


def _shortest(value: Decimal) -> Decimal:
    if not value:
        return Decimal(0)
    shorter = value.normalize(_EXACT)
    return Decimal(format(shorter, "f"))


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _out_of_range(text: str, of: Column, parameter: str) -> BadValueError:
    match of.kind:
        case "integer":
            least, greatest = _RANGES.get(of.type_name, _RANGES["HUGEINT"])
            expected = f"a whole number from {least} to {greatest}"
        case "decimal":
            whole_digits = precision_of(of) - scale_of(of)
            expected = (
                f"a number of at most {whole_digits} digits before the point and "
                f"{WIDEST_DECIMAL - whole_digits} after it"
            )
        case _:
            most = _FLOAT_MAX if of.type_name == "FLOAT" else sys.float_info.max
            expected = f"a number from {-most:.5g} to {most:.5g}"
    return bad_value(text, of, parameter=parameter, expected=expected)
