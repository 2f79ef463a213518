"""Filters of a URL, drawn at random: `column__operator=value` and what it keeps."""

from dataclasses import dataclass
from random import Random
from typing import Any

from tests.flows import slices_evaluation as sure
from tests.flows.slices_evaluation import Test, Truth
from tests.flows.slices_fields import Field, Row
from tests.flows.slices_tables import Table
from tests.flows.slices_values import COMPARABLE, MOMENTS, ORDERED, Values

Pair = tuple[str, str]

_SIGNS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


@dataclass(frozen=True, slots=True)
class Filters:
    """Draws filters of a table's columns into `pairs`."""

    rng: Random
    table: Table
    values: Values
    pairs: list[Pair]

    def filters(self) -> list[Test]:
        """Draw filters of some columns, and join the values that are one of a column."""
        tests: list[Test] = []
        count = self.rng.choice((0, 0, 0, 0, 1, 1, 1, 2, 3))
        for column in self.rng.sample(self.table.fields, min(count, len(self.table.fields))):
            one_of: dict[str, list[Any]] = {}
            for _ in range(self.rng.choice((1, 1, 1, 1, 2, 3))):
                self.filter(column, one_of, tests)
            tests += [_is_one_of(column.name, values) for values in one_of.values()]
        return tests

    def filter(self, column: Field, one_of: dict[str, list[Any]], tests: list[Test]) -> None:
        operator = self.rng.choice(_operators(column))
        key = self.key(column.name, operator)
        if key is None:
            return
        name = column.name
        if operator in {"isnull", "notnull", "isblank", "notblank"}:
            self.null_filter(name, key, operator, tests)
        elif operator in {"=", "exact"}:
            value = self.values.value(column, empty=column.kind == "text")
            self.pairs.append((key, self.values.text(value, column)))
            one_of.setdefault("=", []).append(value)
        elif operator == "date":
            day = sure.day_of(self.values.value(column))
            self.pairs.append((key, day.isoformat()))
            one_of.setdefault("date", []).append((_Day, day))
        elif operator in _SIGNS:
            value, text = self.values.bound(column)
            self.pairs.append((key, text))
            sign = _SIGNS[operator]
            tests.append(lambda row: sure.compare(sign, row[name], value))
        elif operator == "not":
            value = self.values.value(column, empty=False)
            self.pairs.append((key, self.values.text(value, column)))
            tests.append(lambda row: sure.compare("IS DISTINCT FROM", row[name], value))
        elif operator in {"in", "notin"}:
            values = [self.values.value(column) for _ in range(self.rng.randint(1, 4))]
            self.pairs.append((key, self.values.list_text(values, column)))
            if operator == "in":
                one_of.setdefault("in", []).extend(values)
            else:
                tests.append(
                    lambda row: all(
                        sure.compare("IS DISTINCT FROM", row[name], value) for value in values
                    )
                )
        else:
            self.text_filter(name, key, operator, tests)

    def null_filter(self, name: str, key: str, operator: str, tests: list[Test]) -> None:
        switch = self.rng.choice(("1", "true", "on", "0", "off", "false"))
        self.pairs.append((key, switch))
        wanted = (operator in {"isnull", "isblank"}) == (switch in {"1", "true", "on"})
        blank = operator.endswith("blank")
        tests.append(lambda row: (row[name] is None or (blank and row[name] == "")) == wanted)

    def text_filter(self, name: str, key: str, operator: str, tests: list[Test]) -> None:
        part = self.values.part(str(self.values.value(self.table.by_name[name], empty=False)))
        self.pairs.append((key, part))

        def test(row: Row) -> Truth:
            value = row[name]
            if value is None:
                return None
            match operator:
                case "contains":
                    return part in value
                case "icontains":
                    return sure.lower(part) in sure.lower(value)
                case "startswith":
                    return bool(value.startswith(part))
                case _:
                    return bool(value.endswith(part))

        tests.append(test)

    def key(self, name: str, operator: str) -> str | None:
        """Spell a filter's key; None where this spelling is another column's name."""
        if operator == "=":
            return None if name.startswith("_") else name
        key = f"{name}__{operator}"
        return None if key in self.table.by_name and not key.startswith("_") else key


def _operators(column: Field) -> list[str]:
    """List what may stand behind a column, the usual several times."""
    operators = ["isnull", "notnull", "isblank", "notblank"]
    if column.kind in COMPARABLE:
        operators += ["=", "=", "=", "exact", "exact", "not", "in", "in", "notin"]
    if column.kind in ORDERED:
        operators += ["gt", "gte", "lt", "lte"] * 2
    if column.kind == "text":
        operators += ["contains", "icontains", "startswith", "endswith"] * 2
    if column.kind in MOMENTS:
        operators += ["date", "date"]
    return operators


class _Day:
    """Marks a value of `one_of` as a whole day."""


def _is_one_of(name: str, values: list[Any]) -> Test:
    def test(row: Row) -> Truth:
        value = row[name]
        if value is None:
            return None
        return any(
            sure.day_of(value) == wanted[1]
            if isinstance(wanted, tuple)
            else sure.compare("=", value, wanted)
            for wanted in values
        )

    return test
