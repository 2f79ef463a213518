"""Which kind of value each of the engine's SQL types holds."""

from penstock.model.dataset import ColumnKind

_KINDS: dict[str, ColumnKind] = {
    "VARCHAR": "text",
    "TINYINT": "integer",
    "SMALLINT": "integer",
    "INTEGER": "integer",
    "BIGINT": "integer",
    "HUGEINT": "integer",
    "UTINYINT": "integer",
    "USMALLINT": "integer",
    "UINTEGER": "integer",
    "UBIGINT": "integer",
    "UHUGEINT": "integer",
    "FLOAT": "float",
    "DOUBLE": "float",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIME": "time",
    "TIME WITH TIME ZONE": "time",
    "TIME_NS": "time",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP_S": "timestamp",
    "TIMESTAMP_MS": "timestamp",
    "TIMESTAMP_NS": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "UUID": "uuid",
    "BLOB": "binary",
    "BIT": "binary",
    "INTERVAL": "interval",
    "JSON": "text",
}


def kind_of(type_name: str) -> ColumnKind:
    """Give the kind of a SQL type as the engine names it; composed types are nested."""
    if type_name.startswith("DECIMAL(") and type_name.endswith(")"):
        return "decimal"
    if type_name.startswith("ENUM("):
        return "text"
    return _KINDS.get(type_name, "nested")
