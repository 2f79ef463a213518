"""Predicates as SQL: which rows a slice keeps, and which come behind a cursor.

Some of them avoid what the engine gets wrong: each says so where it stands.
"""

from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import assert_never

from penstock.model.slice import (
    AfterKeys,
    Aggregate,
    And,
    ColumnRef,
    Compare,
    Constant,
    Expression,
    InList,
    IsBlank,
    IsNull,
    Like,
    Not,
    OnDay,
    Or,
    Predicate,
    SortKey,
    TextMatch,
    TextOperator,
    Truth,
)
from penstock.reading.sql import floats
from penstock.reading.sql.terms import FLOATS, Terms

_NANS = tuple(Constant("nan", type_name) for type_name in FLOATS)


def predicate(terms: Terms, wanted: Predicate) -> str:
    """Write a predicate."""
    match wanted:
        case Compare():
            return _compared(terms, wanted)
        case InList():
            return _in_list(terms, wanted)
        case TextMatch(left, operator, value):
            return _text_match(terms, terms.expression(left), operator, value)
        case Like(left, pattern, negated):
            return f"({'NOT ' if negated else ''}{_like(terms, left, pattern)})"
        case IsNull(left, negated):
            return f"({terms.expression(left)} IS {'NOT ' if negated else ''}NULL)"
        case IsBlank(left, negated):
            return _blank(terms, left, negated=negated)
        case OnDay(left, day):
            return _on_day(terms, left, day)
        case And(items):
            return _joined(terms, " AND ", items, empty="true")
        case Or(items):
            return _joined(terms, " OR ", items, empty="false")
        case Not(item):
            return f"(NOT {predicate(terms, item)})"
        case Truth(item):
            return f"({terms.expression(item)})"
        case _:
            assert_never(wanted)


def _compared(terms: Terms, wanted: Compare) -> str:
    left, right = partial(terms.expression, wanted.left), partial(terms.expression, wanted.right)
    is_bound = isinstance(wanted.right, Constant)
    if terms.is_float(wanted.left) or terms.is_float(wanted.right):
        if is_bound:
            is_nan = _is_nan(wanted.right)
            return floats.compared_with(left, wanted.operator, right, is_nan=is_nan)
        return floats.compared(left, wanted.operator, right)
    if is_bound and wanted.operator == "IS DISTINCT FROM":
        # Within an OR, the engine would skip row groups that hold nothing but nulls.
        return f"({left()} <> {right()} OR {left()} IS NULL)"
    return f"({left()} {wanted.operator} {right()})"


def _in_list(terms: Terms, wanted: InList) -> str:
    tested = partial(terms.expression, wanted.left)
    if not terms.is_float(wanted.left):
        test = f"{tested()} IN ({', '.join(terms.expression(item) for item in wanted.items)})"
    else:
        numbers = [item for item in wanted.items if not _is_nan(item)]
        items = [partial(terms.expression, item) for item in numbers]
        test = floats.one_of(tested, items, or_nan=len(numbers) < len(wanted.items))
    return f"(NOT {test})" if wanted.negated else f"({test})"


def _joined(terms: Terms, word: str, items: Sequence[Predicate], *, empty: str) -> str:
    return f"({word.join(predicate(terms, item) for item in items)})" if items else empty


def _text_match(terms: Terms, tested: str, operator: TextOperator, value: str) -> str:
    match operator:
        case "contains":
            return f"contains({tested}, {terms.bind(value)})"
        case "icontains":
            return f"contains(lower({tested}), lower({terms.bind(value)}))"
        case "startswith":
            return f"starts_with({tested}, {terms.bind(value)})"
        case "endswith":
            return f"ends_with({tested}, {terms.bind(value)})"
        case _:
            assert_never(operator)


def _like(terms: Terms, left: Expression, pattern: str) -> str:
    tested = terms.expression(left)
    if "_" not in pattern:
        return f"{tested} LIKE {terms.bind(pattern)}"
    # The engine's LIKE goes back and forth over `%_a%_a%_a…`, for years and without heeding an
    # interrupt; its regular expressions take linear time.
    return f"regexp_full_match({tested}, {terms.bind(_regular(pattern))})"


def _blank(terms: Terms, left: ColumnRef, *, negated: bool) -> str:
    name = terms.column(left.name)
    if terms.columns[left.name].kind != "text":
        return f"({name} IS {'NOT ' if negated else ''}NULL)"
    if negated:
        return f"({name} IS NOT NULL AND {name} <> '')"
    return f"({name} IS NULL OR {name} = '')"


def _on_day(terms: Terms, left: ColumnRef, day: date) -> str:
    name = terms.column(left.name)
    column = terms.columns[left.name]
    start = f"CAST({terms.bind(day.isoformat())} AS DATE)"
    if column.kind == "date":
        return f"({name} = {start})"
    # The bounds have the column's own type, so that row groups are skipped by statistics.
    end = f"CAST({terms.bind(day.isoformat())} AS DATE) + INTERVAL 1 DAY"
    bounds = [f"CAST(CAST({sql} AS TIMESTAMP) AS {column.type_name})" for sql in (start, end)]
    return f"({name} >= {bounds[0]} AND {name} < {bounds[1]})"


def behind(terms: Terms, sort: Sequence[SortKey], after: AfterKeys, place: str) -> str:
    """Keep the rows that come after these keys: nulls are last both ways."""
    if not sort:
        return f"({place} > {after.place:d})"
    key, rest = sort[0], AfterKeys(after.keys[1:], after.place)
    last = after.keys[0]
    tested = terms.expression(key.by)
    if last is None:
        return f"({tested} IS NULL AND {behind(terms, sort[1:], rest, place)})"
    type_name = _type_of(terms, key.by)

    def bound() -> str:
        return f"CAST({terms.bind(last)} AS {type_name})"

    if terms.is_float(key.by):
        later, same = floats.behind(
            partial(terms.expression, key.by),
            bound,
            descending=key.descending,
            is_nan=last.lstrip("-") == "nan",
        )
    else:
        later = f"{tested} {'<' if key.descending else '>'} {bound()}"
        same = f"{tested} = {bound()}"
    rows_behind = f"({same} AND {behind(terms, sort[1:], rest, place)})"
    return f"({later} OR {tested} IS NULL OR {rows_behind})"


def _type_of(terms: Terms, by: ColumnRef | Aggregate) -> str:
    if isinstance(by, Aggregate):
        raise TypeError("an aggregate has no cursor of keys")
    return terms.columns[by.name].type_name


def _regular(pattern: str) -> str:
    wild = {"%": ".*", "_": "."} | {special: f"\\{special}" for special in r"\.+*?()|[]{}^$"}
    return "(?s)" + "".join(wild.get(character, character) for character in pattern)


def _is_nan(expression: Expression) -> bool:
    # It stands as text in a slice: as a float it would not equal itself.
    return expression in _NANS
