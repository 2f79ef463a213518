"""Operators: what may stand behind `__`, and which of them fit a column."""

from typing import Literal

from penstock.model.dataset import Column

Operator = Literal[
    "exact",
    "not",
    "gt",
    "gte",
    "lt",
    "lte",
    "in",
    "notin",
    "contains",
    "icontains",
    "startswith",
    "endswith",
    "date",
    "isnull",
    "notnull",
    "isblank",
    "notblank",
]

_EQUALITY: tuple[Operator, ...] = ("exact", "not", "in", "notin")
_ORDER: tuple[Operator, ...] = ("gt", "gte", "lt", "lte")
_TEXT: tuple[Operator, ...] = ("contains", "icontains", "startswith", "endswith")
_NULL: tuple[Operator, ...] = ("isnull", "notnull", "isblank", "notblank")

OPERATORS: dict[str, Operator] = {
    name: name for name in (*_EQUALITY, *_ORDER, *_TEXT, "date", *_NULL)
}
"""Every operator by its name."""


def column_operators(column: Column) -> tuple[Operator, ...]:
    """List the operators that fit a column, without their `__`; `exact` is also the bare `=`.

    Nested values, intervals and bit strings can only be tested for null; other binary values are
    compared for equality, written in base16.
    """
    match column.kind:
        case "text":
            return (*_EQUALITY, *_ORDER, *_TEXT, *_NULL)
        case "date" | "timestamp" | "timestamptz":
            return (*_EQUALITY, *_ORDER, "date", *_NULL)
        case "integer" | "decimal" | "float" | "boolean" | "time" | "uuid":
            return (*_EQUALITY, *_ORDER, *_NULL)
        case "binary" if column.type_name == "BLOB":
            return (*_EQUALITY, *_NULL)
        case _:
            return _NULL
