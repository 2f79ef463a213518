"""Kinds as JSON schemas: what a filter takes of a column, and what JSON answers hold of it."""

from collections.abc import Mapping
from typing import Any

from penstock.model.dataset import Column, ColumnKind

Schema = dict[str, Any]

_BOUNDS: Mapping[str, tuple[int, int]] = {
    "TINYINT": (-(2**7), 2**7 - 1),
    "SMALLINT": (-(2**15), 2**15 - 1),
    "INTEGER": (-(2**31), 2**31 - 1),
    "BIGINT": (-(2**63), 2**63 - 1),
    "UTINYINT": (0, 2**8 - 1),
    "USMALLINT": (0, 2**16 - 1),
    "UINTEGER": (0, 2**32 - 1),
}
"""Wider integers go unbounded: few readers of a document hold their bounds exactly."""

_ZONELESS_TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?$"

_VALUES: Mapping[ColumnKind, tuple[Schema, Any]] = {
    "text": ({"type": "string", "minLength": 1, "pattern": "^[^\\u0000]*$"}, "Bath"),
    "integer": ({"type": "integer"}, 12),
    "decimal": ({"type": "number"}, 12.5),
    "float": ({"type": "number"}, 0.25),
    "boolean": ({"type": "boolean"}, True),
    "date": ({"type": "string", "format": "date"}, "2024-05-01"),
    "time": ({"type": "string", "pattern": _ZONELESS_TIME}, "10:30:00"),
    "timestamp": ({"type": "string", "format": "date-time"}, "2024-05-01T10:30:00Z"),
    "timestamptz": ({"type": "string", "format": "date-time"}, "2024-05-01T10:30:00Z"),
    "uuid": ({"type": "string", "format": "uuid"}, "0b0ec9c6-9d58-4b53-9b55-6c4c0a9e8d1f"),
    "binary": ({"type": "string", "pattern": "^([0-9a-fA-F]{2})+$"}, "DEADBEEF"),
    # These two are only ever tested for null.
    "interval": ({"type": "string"}, "P1D"),
    "nested": ({"type": "string"}, "{}"),
}

_ANSWERED: Mapping[ColumnKind, Schema] = {
    "text": {"type": ["string", "null"]},
    # `_int64=string` writes integers of 64 bits as strings.
    "integer": {"type": ["integer", "string", "null"]},
    "decimal": {"type": ["number", "null"], "description": "With every digit."},
    "float": {"type": ["number", "null"], "description": "Null for NaN and the infinities, too."},
    "boolean": {"type": ["boolean", "null"]},
    "date": {"type": ["string", "null"], "format": "date"},
    "time": {"type": ["string", "null"], "description": "ISO 8601."},
    "timestamp": {"type": ["string", "null"], "description": "ISO 8601, without a zone."},
    "timestamptz": {"type": ["string", "null"], "format": "date-time"},
    "uuid": {"type": ["string", "null"], "format": "uuid"},
    "binary": {"type": ["string", "null"], "contentEncoding": "base16"},
    "interval": {"type": ["string", "null"]},
    "nested": {"description": "Nested JSON, or null."},
}

_NARROW = frozenset({"TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER"})


def shared_schemas() -> dict[str, Schema]:
    """Give the schemas of filter values, under the names that `value_schema` refers to."""
    schemas: dict[str, Schema] = {f"value.{kind}": schema for kind, (schema, _) in _VALUES.items()}
    for name, (least, most) in _BOUNDS.items():
        schemas[f"value.integer.{name}"] = {"type": "integer", "minimum": least, "maximum": most}
    return schemas


def value_schema(column: Column) -> Schema:
    """Refer to the schema of one value that a filter compares this column with."""
    kind: str = column.kind
    if column.type_name in _BOUNDS:
        kind = f"integer.{column.type_name}"
    return {"$ref": f"#/components/schemas/value.{kind}"}


def value_example(column: Column) -> Any:
    """Give a value that fits this column."""
    return _VALUES[column.kind][1]


def row_schema(columns: tuple[Column, ...]) -> Schema:
    """Describe a row of a JSON answer; every value may be null."""
    properties = {
        column.name: {"type": ["integer", "null"]}
        if column.type_name in _NARROW
        else _ANSWERED[column.kind]
        for column in columns
    }
    return {
        "type": "object",
        "description": "The columns as they are stored; _select may rename, leave out and count.",
        "properties": properties,
    }
