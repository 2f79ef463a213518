"""The terms of a statement: expressions and predicates as SQL, and the values that they bind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from typing import assert_never

from penstock.model.dataset import Column, Dataset
from penstock.model.slice import (
    AfterKeys,
    Aggregate,
    And,
    Call,
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
    Output,
    Predicate,
    SortKey,
    TextMatch,
    TextOperator,
    Truth,
    Value,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """SQL with its bound values; `hidden` columns stand behind the outputs and aren't sent."""

    sql: str
    parameters: tuple[object, ...]
    hidden: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTypes:
    """Which kinds of value a format can't hold, so that they are turned into text."""

    nested: bool = False
    binary: bool = False
    interval: bool = False


@dataclass(slots=True)
class Terms:
    """Collects the values to bind while SQL is put together from left to right."""

    columns: Mapping[str, Column]
    bound: list[object] = field(default_factory=list)

    def statement(self, sql: str, *, hidden: int = 0) -> Statement:
        """Give the finished statement with all values bound so far."""
        return Statement(sql=sql, parameters=tuple(self.bound), hidden=hidden)

    def bind(self, value: object) -> str:
        """Bind a value at this place of the text."""
        self.bound.append(value)
        return "?"

    def source(self, dataset: Dataset) -> str:
        """Read all of a dataset's files, in their order."""
        return self.files([file.location for file in dataset.files])

    def files(self, locations: Sequence[str]) -> str:
        """Read these files, in this order."""
        return f"read_parquet({self.bind(list(locations))}, hive_partitioning = false)"

    def _column(self, name: str) -> str:
        return identifier(self.columns[name].source)

    def shown(self, sql: str, output: Output, text: TextTypes) -> str:
        """Turn what the format can't hold into text."""
        if not isinstance(output.source, ColumnRef):
            return sql
        match self.columns[output.source.name].kind:
            case "nested" if text.nested:
                return f"CAST(to_json({sql}) AS VARCHAR)"
            case "binary" if text.binary:
                return f"hex({sql})"
            case "interval" if text.interval:
                return f"CAST({sql} AS VARCHAR)"
            case _:
                return sql

    def expression(self, wanted: Expression) -> str:
        """Write an expression."""
        match wanted:
            case ColumnRef(name):
                return self._column(name)
            case Constant(value, type_name):
                return self._constant(value, type_name)
            case Call(function, arguments):
                return f"{function}({', '.join(self.expression(item) for item in arguments)})"
            case Aggregate(function, argument, distinct):
                inside = "*" if argument is None else self.expression(argument)
                return f"{function}({'DISTINCT ' if distinct else ''}{inside})"
            case _:
                assert_never(wanted)

    def _constant(self, value: Value | None, type_name: str | None) -> str:
        if value is None:
            return "NULL"
        if type_name is None:
            return self.bind(_engine_value(value))
        return f"CAST({self.bind(_engine_value(value))} AS {type_name})"

    def predicate(self, wanted: Predicate) -> str:
        """Write a predicate."""
        match wanted:
            case Compare(left, operator, right):
                return f"({self.expression(left)} {operator} {self.expression(right)})"
            case InList(left, items, negated):
                tested = self.expression(left)
                listed = ", ".join(self.expression(item) for item in items)
                return f"({tested} {'NOT ' if negated else ''}IN ({listed}))"
            case TextMatch(left, operator, value):
                return self._text_match(self.expression(left), operator, value)
            case Like(left, pattern, negated):
                return f"({'NOT ' if negated else ''}{self._like(left, pattern)})"
            case IsNull(left, negated):
                return f"({self.expression(left)} IS {'NOT ' if negated else ''}NULL)"
            case IsBlank(left, negated):
                return self._blank(left, negated=negated)
            case OnDay(left, day):
                return self._on_day(left, day)
            case And(items):
                return self._joined(" AND ", items, empty="true")
            case Or(items):
                return self._joined(" OR ", items, empty="false")
            case Not(item):
                return f"(NOT {self.predicate(item)})"
            case Truth(item):
                return f"({self.expression(item)})"
            case _:
                assert_never(wanted)

    def _joined(self, word: str, items: Sequence[Predicate], *, empty: str) -> str:
        return f"({word.join(self.predicate(item) for item in items)})" if items else empty

    def _text_match(self, tested: str, operator: TextOperator, value: str) -> str:
        match operator:
            case "contains":
                return f"contains({tested}, {self.bind(value)})"
            case "icontains":
                return f"contains(lower({tested}), lower({self.bind(value)}))"
            case "startswith":
                return f"starts_with({tested}, {self.bind(value)})"
            case "endswith":
                return f"ends_with({tested}, {self.bind(value)})"
            case _:
                assert_never(operator)

    def _like(self, left: Expression, pattern: str) -> str:
        tested = self.expression(left)
        if "_" not in pattern:
            return f"{tested} LIKE {self.bind(pattern)}"
        # The engine's LIKE goes back and forth over `%_a%_a%_a…`, for years and without heeding an
        # interrupt; its regular expressions take linear time.
        return f"regexp_full_match({tested}, {self.bind(_regular(pattern))})"

    def _blank(self, left: ColumnRef, *, negated: bool) -> str:
        name = self._column(left.name)
        if self.columns[left.name].kind != "text":
            return f"({name} IS {'NOT ' if negated else ''}NULL)"
        if negated:
            return f"({name} IS NOT NULL AND {name} <> '')"
        return f"({name} IS NULL OR {name} = '')"

    def _on_day(self, left: ColumnRef, day: date) -> str:
        name = self._column(left.name)
        column = self.columns[left.name]
        start = f"CAST({self.bind(day.isoformat())} AS DATE)"
        if column.kind == "date":
            return f"({name} = {start})"
        # The bounds have the column's own type, so that row groups are skipped by statistics.
        end = f"CAST({self.bind(day.isoformat())} AS DATE) + INTERVAL 1 DAY"
        bounds = [f"CAST(CAST({sql} AS TIMESTAMP) AS {column.type_name})" for sql in (start, end)]
        return f"({name} >= {bounds[0]} AND {name} < {bounds[1]})"

    def behind(self, sort: Sequence[SortKey], after: AfterKeys, place: str) -> str:
        """Keep the rows that come after these keys: nulls are last both ways."""
        if not sort:
            return f"({place} > {after.place:d})"
        key, rest = sort[0], AfterKeys(after.keys[1:], after.place)
        last = after.keys[0]
        tested = self.expression(key.by)
        if last is None:
            return f"({tested} IS NULL AND {self.behind(sort[1:], rest, place)})"
        type_name = self._type_of(key.by)
        later = f"({tested} {'<' if key.descending else '>'} CAST({self.bind(last)} AS {type_name})"
        later += f" OR {tested} IS NULL)"
        same = f"{tested} = CAST({self.bind(last)} AS {type_name})"
        return f"({later} OR ({same} AND {self.behind(sort[1:], rest, place)}))"

    def _type_of(self, by: ColumnRef | Aggregate) -> str:
        if isinstance(by, Aggregate):
            raise TypeError("an aggregate has no cursor of keys")
        return self.columns[by.name].type_name


def _engine_value(value: Value) -> object:
    """Bind as text what the engine casts back without loss, and the rest as it is."""
    if isinstance(value, bool | str):
        return value
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        # The engine reads no exponents into decimals.
        return format(value, "f")
    return str(value)


def _regular(pattern: str) -> str:
    wild = {"%": ".*", "_": "."} | {special: f"\\{special}" for special in r"\.+*?()|[]{}^$"}
    return "(?s)" + "".join(wild.get(character, character) for character in pattern)


def identifier(name: str) -> str:
    """Quote a name of the schema."""
    return '"' + name.replace('"', '""') + '"'
