"""Comparisons of floats as SQL: NaN equals itself, and is neither below nor above anything.

The engine orders NaN above all numbers, but skips row groups by their statistics, which leave NaN
out (Parquet format, `ColumnOrder`): what it finds would depend on how a file is cut. So NaN is
tested beside each comparison, also for the sake of a NOT around it.
"""

from collections.abc import Callable, Sequence

from penstock.model.slice import CompareOperator

Write = Callable[[], str]
"""Writes an operand, and binds its values, each time that it is called."""


def compared_with(left: Write, operator: CompareOperator, right: Write, *, is_nan: bool) -> str:
    """Compare with a constant, which may be NaN."""
    if is_nan:
        return _with_nan(left, operator)
    if operator == "IS DISTINCT FROM":
        return f"({left()} <> {right()} OR {left()} IS NULL OR isnan({left()}))"
    test = f"{left()} {operator} {right()}"
    if operator == "<>":
        return f"({test} OR isnan({left()}))"
    return f"({test} AND NOT isnan({left()}))"


def compared(left: Write, operator: CompareOperator, right: Write) -> str:
    """Compare two operands that may both be NaN; numbers of other types become doubles."""
    test = f"{_opaque(left)} {operator} {_opaque(right)}"
    if operator in {"=", "<>", "IS DISTINCT FROM"}:
        return f"({test})"
    # Null on either side is null also beside a NaN.
    sides = ((left, right), (right, left))
    numbers = [f"NOT (isnan({_double(a)}) AND {b()} IS NOT NULL)" for a, b in sides]
    return f"({' AND '.join([test, *numbers])})"


def one_of(tested: Write, items: Sequence[Write], *, or_nan: bool) -> str:
    """Test for membership of constants that aren't NaN, or of these and NaN."""
    if not items:
        return f"isnan({tested()})"
    test = f"{tested()} IN ({', '.join(item() for item in items)})"
    return f"({test} {'OR' if or_nan else 'AND NOT'} isnan({tested()}))"


def behind(tested: Write, last: Write, *, descending: bool, is_nan: bool) -> tuple[str, str]:
    """Test for what comes later in an order with NaN above all numbers, and for what is equal."""
    if is_nan:
        return f"NOT isnan({tested()})" if descending else "false", f"isnan({tested()})"
    later = (
        f"({tested()} < {last()} AND NOT isnan({tested()}))"
        if descending
        else f"({tested()} > {last()} OR isnan({tested()}))"
    )
    return later, f"({tested()} = {last()} AND NOT isnan({tested()}))"


def _with_nan(left: Write, operator: CompareOperator) -> str:
    match operator:
        case "=":
            return f"isnan({left()})"
        case "<>":
            return f"(NOT isnan({left()}))"
        case "IS DISTINCT FROM":
            return f"({left()} IS NULL OR NOT isnan({left()}))"
        case _:
            # False, and null for null.
            return f"(isnan({left()}) IS NULL AND NULL)"


def _double(operand: Write) -> str:
    return f"CAST({operand()} AS DOUBLE)"


def _opaque(operand: Write) -> str:
    # Of one argument it changes nothing, and statistics don't reach through it.
    return f"greatest({_double(operand)})"
