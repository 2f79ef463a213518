"""An evaluation of slices in plain Python, which knows nothing of the service's SQL.

What it holds to be right: null in a comparison is neither true nor false, and only what is true is
kept; NaN equals itself, is neither below nor above anything, and is sorted behind all numbers; -0.0
equals 0.0; numbers are compared exactly, but for what meets a float, which is compared as one; text
is ordered by code points, and its case is changed character by character; nulls come last both
ways; rows that tie keep their place in the file.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from tests.flows.slices_fields import EPOCH, Row, single

Truth = bool | None
Test = Callable[[Row], Truth]
"""A predicate of one row, with SQL's three values."""

_DAY_NS = 86_400 * 10**9


def key(value: Any) -> Any:
    """Give what a value is ordered by among others of its kind; equal keys are equal values."""
    if isinstance(value, float):
        return (1, 0.0) if math.isnan(value) else (0, value + 0.0)
    return value


def order(left: Any, right: Any) -> int:
    """Compare two values of kinds that can be compared: -1, 0 or 1."""
    if isinstance(left, date) != isinstance(right, date):
        left, right = moment(left), moment(right)
    if isinstance(left, float) != isinstance(right, float):
        left, right = float(left), float(right)
    if isinstance(left, float) and isinstance(right, float):
        left, right = key(left), key(right)
    return int(left > right) - int(left < right)


def is_nan(value: Any) -> bool:
    """Whether this is the float that is no number."""
    return isinstance(value, float) and math.isnan(value)


def compare(operator: str, left: Any, right: Any) -> Truth:
    """Evaluate `left operator right`."""
    if operator == "IS DISTINCT FROM":
        if left is None or right is None:
            return left is not right
        return order(left, right) != 0
    if left is None or right is None:
        return None
    if operator not in {"=", "<>"} and (is_nan(left) or is_nan(right)):
        return False
    found = order(left, right)
    return {
        "=": found == 0,
        "<>": found != 0,
        "<": found < 0,
        "<=": found <= 0,
        ">": found > 0,
        ">=": found >= 0,
    }[operator]


def any_of(truths: Iterable[Truth]) -> Truth:
    """Or of three values."""
    found = list(truths)
    return True if True in found else None if None in found else False


def all_of(truths: Iterable[Truth]) -> Truth:
    """And of three values."""
    found = list(truths)
    return False if False in found else None if None in found else True


def negated(truth: Truth) -> Truth:
    """Not of three values."""
    return None if truth is None else not truth


def like(value: str, pattern: str) -> bool:
    """Match a whole text: `%` is any text, `_` any one character, nothing escapes them."""
    parts = {"%": ".*", "_": "."}
    wanted = "".join(parts.get(letter, re.escape(letter)) for letter in pattern)
    return re.fullmatch(wanted, value, re.DOTALL) is not None


def lower(value: str) -> str:
    """Lower each character that has one lower-case character."""
    return "".join("i" if letter == "İ" else letter.lower() for letter in value)


def upper(value: str) -> str:
    """Raise each character that has one upper-case character, `ß` to `ẞ` among them."""
    raised = ("ẞ" if letter == "ß" else letter.upper() for letter in value)
    return "".join(up if len(up) == 1 else letter for letter, up in zip(value, raised, strict=True))


def trim(value: str) -> str:
    """Take spaces of every width off both ends, but not tabs and line ends."""
    start, stop = 0, len(value)
    while start < stop and unicodedata.category(value[start]) == "Zs":
        start += 1
    while start < stop and unicodedata.category(value[stop - 1]) == "Zs":
        stop -= 1
    return value[start:stop]


def rounded(value: Any, places: int, *, is_single: bool = False) -> Any:
    """Round halves away from zero."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return value
        factor = 10.0 ** abs(places)
        scaled = value * factor if places >= 0 else value / factor
        whole = float(Decimal(scaled).quantize(Decimal(1), ROUND_HALF_UP))
        result = whole / factor if places >= 0 else whole * factor
        return single(result) if is_single else result
    with localcontext(prec=100):
        step = Decimal(1).scaleb(-places)
        exact = (Decimal(value) / step).quantize(Decimal(1), ROUND_HALF_UP) * step
    return int(exact) if isinstance(value, int) else exact


def truncated(unit: str, value: Any) -> int:
    """Cut a date or a moment to the beginning of its unit, in UTC; weeks begin on Monday."""
    at = moment(value)
    if unit in {"hour", "minute", "second"}:
        step = {"hour": 3600, "minute": 60, "second": 1}[unit] * 10**9
        return at // step * step
    day = EPOCH + timedelta(days=at // _DAY_NS)
    match unit:
        case "year":
            day = day.replace(month=1, day=1)
        case "quarter":
            day = day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case "month":
            day = day.replace(day=1)
        case "week":
            day -= timedelta(days=day.weekday())
    return moment(day)


def moment(value: Any) -> int:
    """Give nanoseconds since 1970; a date begins at 00:00 UTC."""
    return (value - EPOCH).days * _DAY_NS if isinstance(value, date) else int(value)


def day_of(value: Any) -> date:
    """Give the calendar day, in UTC."""
    return EPOCH + timedelta(days=moment(value) // _DAY_NS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A column of an answer: a column of the table, or an aggregate of one (of rows: None)."""

    name: str
    column: str | None
    function: str | None = None
    distinct: bool = False
    kind: str = "text"
    inexact: bool = False
    """Whether the order of adding may show in the last digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A slice, as the evaluation sees it; `sort` names a column or stands for an output."""

    outputs: tuple[Output, ...]
    test: Test | None = None
    group: tuple[str, ...] | None = None
    having: Test | None = None
    distinct: bool = False
    sort: tuple[tuple[Output, bool], ...] = ()
    offset: int = 0
    limit: int | None = None


def evaluated(rows: Sequence[Row], asked: Asked) -> list[tuple[Any, ...]]:
    """Give the rows of the answer, in its order."""
    with localcontext(prec=100):
        return _evaluated(rows, asked)


def _evaluated(rows: Sequence[Row], asked: Asked) -> list[tuple[Any, ...]]:
    kept = [row for row in rows if asked.test is None or asked.test(row) is True]
    total: list[tuple[Any, ...]]
    if asked.group is not None:
        answer = _grouped(kept, asked)
    else:
        answer = [(tuple(row[out.column or ""] for out in asked.outputs), row) for row in kept]
    if asked.distinct:
        found: dict[tuple[Any, ...], tuple[tuple[Any, ...], Row]] = {}
        for values, row in answer:
            found.setdefault(tuple(key(value) for value in values), (values, row))
        answer = list(found.values())
    if asked.group is not None or asked.distinct:
        for place in reversed(range(len(asked.outputs))):
            answer = _sorted(answer, lambda pair, at=place: pair[0][at], descending=False)  # type: ignore[misc]  # the default binds the loop's variable
    for by, descending in reversed(asked.sort):
        answer = _sorted(answer, lambda pair, of=by: _sort_value(pair, of, asked), descending)  # type: ignore[misc]  # the same
    total = [values for values, _ in answer]
    if asked.group is not None or asked.distinct:
        # -0.0 and 0.0 are one value there, and it is written 0.0.
        total = [tuple(v + 0.0 if isinstance(v, float) else v for v in row) for row in total]
    end = None if asked.limit is None else asked.offset + asked.limit
    return total[asked.offset : end]


def aggregate(rows: Sequence[Row], output: Output) -> Any:
    """Aggregate rows; null where there is nothing to aggregate, but for counts."""
    if output.column is None:
        return len(rows)
    values = [row[output.column] for row in rows if row[output.column] is not None]
    if output.function == "count":
        return len({key(value) for value in values}) if output.distinct else len(values)
    if not values:
        return None
    match output.function:
        case "min":
            return min(values, key=key)
        case "max":
            return max(values, key=key)
        case "sum":
            return _added(values)
        case _:
            added = _added(values)
            if isinstance(added, float):
                return added / len(values)
            with localcontext(prec=100):
                return float(Decimal(added) / len(values))


def _added(values: list[Any]) -> Any:
    if not isinstance(values[0], float):
        with localcontext(prec=100):
            return sum(values[1:], start=values[0])
    if all(math.isfinite(value) for value in values):
        return math.fsum(values)
    return sum(values)


def _grouped(rows: list[Row], asked: Asked) -> list[tuple[tuple[Any, ...], Row]]:
    members: dict[tuple[Any, ...], list[Row]] = {}
    if not asked.group:
        members[()] = []
    for row in rows:
        members.setdefault(tuple(key(row[name]) for name in asked.group or ()), []).append(row)
    answer = []
    for group in members.values():
        first = group[0] if group else {}
        values = tuple(
            aggregate(group, out) if out.function else first[out.column or ""]
            for out in asked.outputs
        )
        seen = dict(first)
        seen |= {out.name: value for out, value in zip(asked.outputs, values, strict=True)}
        seen[ROWS] = group
        if asked.having is None or asked.having(seen) is True:
            answer.append((values, seen))
    return answer


ROWS = "\0rows"
"""Under this name a group's predicate finds the group's rows."""


def _sort_value(pair: tuple[tuple[Any, ...], Row], by: Output, asked: Asked) -> Any:
    values, row = pair
    for place, output in enumerate(asked.outputs):
        if output is by:
            return values[place]
    return row[by.column or ""]


def _sorted(
    pairs: list[tuple[tuple[Any, ...], Row]],
    value_of: Callable[[tuple[tuple[Any, ...], Row]], Any],
    descending: bool,  # noqa: FBT001 - said by name or by a variable of this name
) -> list[tuple[tuple[Any, ...], Row]]:
    present = [pair for pair in pairs if value_of(pair) is not None]
    absent = [pair for pair in pairs if value_of(pair) is None]
    present.sort(key=lambda pair: key(value_of(pair)), reverse=descending)
    return present + absent
