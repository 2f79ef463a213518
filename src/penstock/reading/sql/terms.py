"""The terms of a statement: files and expressions as SQL, and the values that they bind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from typing import assert_never

from penstock.model.dataset import Column, Dataset, DurationUnit
from penstock.model.slice import (
    Aggregate,
    Call,
    ColumnRef,
    Constant,
    Expression,
    FunctionName,
    Output,
    Value,
)

FLOATS = ("FLOAT", "DOUBLE")
"""The engine's types that hold NaN."""

FILE = "file_index"
"""The engine's own name for a file's place among those that are read."""

_DURATIONS: Mapping[DurationUnit, str] = {
    "s": "to_microseconds({} * 1000000)",
    "ms": "to_microseconds({} * 1000)",
    "us": "to_microseconds({})",
    "ns": "to_microseconds({} // 1000)",
}
"""Exact, since a column of others is refused (exactness.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """SQL with its bound values; `hidden` columns stand behind the outputs and aren't sent."""

    sql: str
    parameters: tuple[object, ...]
    hidden: int = 0
    locations: tuple[str, ...] = ()
    """The files that it reads."""


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
    locations: list[str] = field(default_factory=list)

    def statement(self, sql: str, *, hidden: int = 0) -> Statement:
        """Give the finished statement with all values bound so far."""
        return Statement(
            sql=sql,
            parameters=tuple(self.bound),
            hidden=hidden,
            locations=tuple(self.locations),
        )

    def bind(self, value: object) -> str:
        """Bind a value at this place of the text."""
        self.bound.append(value)
        return "?"

    def source(self, dataset: Dataset) -> str:
        """Read all of a dataset's files, in their order."""
        return self.files([file.location for file in dataset.files])

    def files(self, locations: Sequence[str]) -> str:
        """Read these files, in this order."""
        self.locations += locations
        read = f"read_parquet({self.bind(list(locations))}, hive_partitioning = false)"
        names = [column.source for column in self.columns.values()]
        if any(_hides_file(name) for name in names):
            read += f" AS stored({', '.join(identifier(_freed(name)) for name in names)})"
        return read

    def column(self, name: str) -> str:
        """Name a column as the engine does; durations are made of the numbers that stand there."""
        column = self.columns[name]
        named = identifier(_freed(column.source))
        return _DURATIONS[column.duration_unit].format(named) if column.duration_unit else named

    def shown(self, sql: str, output: Output, text: TextTypes) -> str:
        """Turn what the format can't hold into text."""
        source = output.source
        if isinstance(source, Aggregate):
            if source.function not in {"min", "max"} or source.argument is None:
                return sql
            source = source.argument
        match self.columns[source.name].kind:
            case "nested" if text.nested:
                return f"CAST(to_json({sql}) AS VARCHAR)"
            case "binary" if text.binary:
                return f"hex({sql})"
            case "interval" if text.interval:
                return f"CAST({sql} AS VARCHAR)"
            case _:
                return sql

    def merged(self, wanted: ColumnRef | Aggregate) -> str:
        """Write what groups and distinct rows hold: of -0.0 and 0.0, one value there, it is 0.0."""
        sql = self.expression(wanted)
        return f"({sql} + 0)" if self.is_float(wanted) else sql

    def expression(self, wanted: Expression) -> str:
        """Write an expression."""
        match wanted:
            case ColumnRef(name):
                return self.column(name)
            case Constant(value, type_name):
                return self._constant(value, type_name)
            case Call(function, arguments):
                first, *rest = arguments
                written = [self._first(first, function), *map(self.expression, rest)]
                call = f"{function}({', '.join(written)})"
                # The engine's optimiser rewrites comparisons of date_trunc, wrongly for nulls and
                # for dates cut to hours; greatest of one argument hides it and changes nothing.
                return f"greatest({call})" if function == "date_trunc" else call
            case Aggregate(function, argument, distinct):
                inside = "*" if argument is None else self.expression(argument)
                return f"{function}({'DISTINCT ' if distinct else ''}{inside})"
            case _:
                assert_never(wanted)

    def _first(self, wanted: Expression, function: FunctionName) -> str:
        sql = self.expression(wanted)
        # In a type of its own width an integer's least value has no positive one, and the engine
        # rounds integers past their type's end.
        widens = function in {"abs", "round"} and self.is_integer(wanted)
        return f"CAST({sql} AS HUGEINT)" if widens else sql

    def _constant(self, value: Value | None, type_name: str | None) -> str:
        if value is None:
            return "NULL"
        if type_name is None:
            return self.bind(_engine_value(value))
        return f"CAST({self.bind(_engine_value(value))} AS {type_name})"

    def is_integer(self, wanted: Expression) -> bool:
        """Whether an expression is an integer of any width."""
        match wanted:
            case ColumnRef(name):
                return self.columns[name].kind == "integer"
            case Call(function, arguments):
                return function == "length" or all(self.is_integer(item) for item in arguments)
            case Aggregate(function, argument):
                return function == "count" or (
                    function != "avg" and argument is not None and self.is_integer(argument)
                )
            case Constant(value):
                return isinstance(value, int)
            case _:
                assert_never(wanted)

    def is_float(self, wanted: Expression) -> bool:
        """Whether an expression may be NaN."""
        match wanted:
            case ColumnRef(name):
                return self.columns[name].kind == "float"
            case Constant(_, type_name):
                return type_name in FLOATS
            case Call(_, arguments):
                return any(self.is_float(item) for item in arguments)
            case Aggregate(function, argument):
                return argument is not None and function != "count" and self.is_float(argument)
            case _:
                assert_never(wanted)


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


def _hides_file(name: str) -> bool:
    return name.lower() == FILE


def _freed(name: str) -> str:
    """Rename a stored column that would hide the engine's own one."""
    return f"{name} as stored" if _hides_file(name) else name


def identifier(name: str) -> str:
    """Quote a name of the schema."""
    return '"' + name.replace('"', '""') + '"'
