"""Filters: `column__operator=value` pairs into predicates and their canonical spelling."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import assert_never

from penstock.errors import BadValueError
from penstock.model.dataset import Column, Dataset
from penstock.model.slice import (
    ColumnRef,
    Compare,
    CompareOperator,
    Constant,
    InList,
    IsBlank,
    IsNull,
    OnDay,
    Or,
    Predicate,
    TextMatch,
)
from penstock.query.bad_values import bad_value
from penstock.query.coerce import compared, equal_to
from penstock.query.controls import switch
from penstock.query.keys import FilterKey, key_of
from penstock.query.lists import list_text, listed
from penstock.query.literals import text_of
from penstock.query.moments import day_of
from penstock.query.operators import Operator

_BOUNDS: dict[Operator, CompareOperator] = {
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
}
_SPELLED: dict[CompareOperator, Operator] = {sign: name for name, sign in _BOUNDS.items()}

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One predicate, and the pairs that every URL asking for it shares."""

    pairs: tuple[Pair, ...]
    predicate: Predicate


@dataclass(slots=True)
class _Members:
    """The values of one column that repeat or are listed, by their canonical text."""

    column: Column
    exact: dict[str, Constant] = field(default_factory=dict)
    listed: dict[str, Constant] = field(default_factory=dict)
    excluded: dict[str, Constant] = field(default_factory=dict)
    days: dict[str, date] = field(default_factory=dict)


def conditions(filters: Iterable[tuple[FilterKey, str]], dataset: Dataset) -> list[Condition]:
    """Read filters; the result doesn't depend on their order, or on repeated values.

    A column's `=` and `__exact` values are one-of, so are those of its `__in`; everything else is
    ANDed. `__not` and `__notin` keep nulls: what isn't there differs from every value.

    Raises BadValueError, which names the column, its type and an example of a good value.
    """
    found: list[Condition] = []
    members: dict[str, _Members] = {}
    for key, value in filters:
        if not value and not (key.operator == "exact" and key.column.kind == "text"):
            raise _empty(key)
        of = members.setdefault(key.column.name, _Members(key.column))
        single = _single(key, value, of, dataset)
        if single is not None:
            found.append(single)
    for of in members.values():
        found += _one_of(of, dataset)
        found += _none_of(of, dataset)
        found += _on_days(of, dataset)
    distinct = {condition.pairs: condition for condition in found}
    return [distinct[pairs] for pairs in sorted(distinct)]


def _single(key: FilterKey, value: str, of: _Members, dataset: Dataset) -> Condition | None:
    """Read one filter: a condition of its own, or None where it joined its column's members."""
    operator, written = key.operator, key.written
    match operator:
        case "exact" | "not":
            constant = equal_to(value, of.column, parameter=written)
            (of.exact if operator == "exact" else of.excluded)[text_of(constant)] = constant
        case "in" | "notin":
            for item in listed(value, of.column, parameter=written):
                constant = equal_to(item, of.column, parameter=written)
                (of.listed if operator == "in" else of.excluded)[text_of(constant)] = constant
        case "date":
            day = day_of(value, of.column, parameter=written)
            of.days[day.isoformat()] = day
        case "gt" | "gte" | "lt" | "lte":
            return _bound(key, _BOUNDS[operator], value, dataset)
        case "contains" | "icontains" | "startswith" | "endswith":
            test = TextMatch(ColumnRef(of.column.name), operator, value)
            return Condition(pairs=((written, value),), predicate=test)
        case "isnull" | "notnull" | "isblank" | "notblank":
            return _null_test(key, value, dataset)
        case _:
            assert_never(operator)
    return None


def _bound(key: FilterKey, operator: CompareOperator, value: str, dataset: Dataset) -> Condition:
    ref = ColumnRef(key.column.name)
    test = compared(ref, operator, value, of=key.column, parameter=key.written)
    spelled = key_of(key.column, _SPELLED[test.operator], dataset)
    if spelled is None or not isinstance(test.right, Constant):
        return Condition(pairs=((key.written, value),), predicate=test)
    return Condition(pairs=((spelled, text_of(test.right)),), predicate=test)


def _null_test(key: FilterKey, value: str, dataset: Dataset) -> Condition:
    column, operator = key.column, key.operator
    wanted = switch({key.written: value}, key.written, default=True)
    negated = (operator in {"notnull", "notblank"}) == wanted
    blank = operator in {"isblank", "notblank"} and column.kind == "text"
    ref = ColumnRef(column.name)
    test = IsBlank(ref, negated) if blank else IsNull(ref, negated)
    spellings: list[tuple[Operator, Operator]] = [("isblank", "notblank")]
    if not blank:
        spellings.insert(0, ("isnull", "notnull"))
    # A spelling may be another column's exact name; the one that was written never is.
    for pair in spellings:
        for name, switched in ((pair[negated], "1"), (pair[not negated], "0")):
            spelled = key_of(column, name, dataset)
            if spelled is not None:
                return Condition(pairs=((spelled, switched),), predicate=test)
    return Condition(pairs=((key.written, value),), predicate=test)


def _one_of(of: _Members, dataset: Dataset) -> list[Condition]:
    if of.exact and of.listed:
        common = of.exact.keys() & of.listed.keys()
        if not common:
            return _neither(of, dataset)
        return [_membership(of.column, {text: of.exact[text] for text in common}, dataset)]
    values = of.exact or of.listed
    return [_membership(of.column, values, dataset)] if values else []


def _neither(of: _Members, dataset: Dataset) -> list[Condition]:
    """Ask for two different values at once, as no row has them: one of each says the same."""
    text = min(of.exact)
    first = _membership(of.column, {text: of.exact[text]}, dataset)
    other = min(of.listed)
    test = Compare(ColumnRef(of.column.name), "=", of.listed[other])
    pairs = _spelled(of.column, "in", "exact", [other], dataset)
    return [first, Condition(pairs=pairs, predicate=test)]


def _membership(column: Column, values: Mapping[str, Constant], dataset: Dataset) -> Condition:
    ref, texts = ColumnRef(column.name), sorted(values)
    if len(texts) == 1:
        test: Predicate = Compare(ref, "=", values[texts[0]])
        # An empty value alone is refused, but for text.
        alone = bool(texts[0]) or column.kind == "text"
        pairs = _spelled(column, "exact" if alone else "in", "exact", texts, dataset)
    else:
        test = InList(ref, tuple(values[text] for text in texts))
        pairs = _spelled(column, "in", "exact", texts, dataset)
    return Condition(pairs=pairs, predicate=test)


def _none_of(of: _Members, dataset: Dataset) -> list[Condition]:
    ref, texts = ColumnRef(of.column.name), sorted(of.excluded)
    if not texts:
        return []
    if len(texts) == 1:
        test: Predicate = Compare(ref, "IS DISTINCT FROM", of.excluded[texts[0]])
        key = key_of(of.column, "not", dataset)
        if key is not None and texts[0]:
            return [Condition(pairs=((key, texts[0]),), predicate=test)]
    else:
        others = InList(ref, tuple(of.excluded[text] for text in texts), negated=True)
        test = Or((others, IsNull(ref)))
    return [Condition(pairs=_spelled(of.column, "notin", "not", texts, dataset), predicate=test)]


def _on_days(of: _Members, dataset: Dataset) -> list[Condition]:
    if not of.days:
        return []
    ref, texts = ColumnRef(of.column.name), sorted(of.days)
    tests = tuple(OnDay(ref, of.days[text]) for text in texts)
    pairs = _spelled(of.column, "date", "date", texts, dataset)
    return [Condition(pairs=pairs, predicate=Or(tests) if len(tests) > 1 else tests[0])]


def _spelled(
    column: Column, operator: Operator, repeated: Operator, texts: list[str], dataset: Dataset
) -> tuple[Pair, ...]:
    """Spell values as one list, or repeat the key where a list's key is another column's name."""
    if operator in {"in", "notin"}:
        key = key_of(column, operator, dataset)
        if key is not None:
            return ((key, list_text(texts)),)
    key = key_of(column, repeated, dataset)
    return tuple((key or column.name, text) for text in texts)


def _empty(key: FilterKey) -> BadValueError:
    if key.column.kind == "text":
        return bad_value(
            "",
            key.column,
            parameter=key.written,
            expected=f"a value; to test for empty text, {key.column.name}__isblank=1",
        )
    return bad_value("", key.column, parameter=key.written)
