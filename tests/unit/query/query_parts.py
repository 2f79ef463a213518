"""Parts of the query tests: a dataset with a column of every kind."""

from collections.abc import Callable
from datetime import UTC, datetime

from penstock.model.dataset import Column, ColumnKind, Dataset
from penstock.model.query import Query

COLUMNS: tuple[tuple[str, ColumnKind, str], ...] = (
    ("name", "text", "VARCHAR"),
    ("organisation-entity", "integer", "BIGINT"),
    ("tiny", "integer", "TINYINT"),
    ("unsigned", "integer", "UBIGINT"),
    ("huge", "integer", "HUGEINT"),
    ("price", "decimal", "DECIMAL(10,2)"),
    ("wide", "decimal", "DECIMAL(38,10)"),
    ("whole", "decimal", "DECIMAL(3,0)"),
    ("ratio", "float", "DOUBLE"),
    ("small", "float", "FLOAT"),
    ("open", "boolean", "BOOLEAN"),
    ("start-date", "date", "DATE"),
    ("clock", "time", "TIME"),
    ("zoned-clock", "time", "TIME WITH TIME ZONE"),
    ("seen", "timestamp", "TIMESTAMP"),
    ("seen_ns", "timestamp", "TIMESTAMP_NS"),
    ("sent", "timestamptz", "TIMESTAMP WITH TIME ZONE"),
    ("id", "uuid", "UUID"),
    ("digest", "binary", "BLOB"),
    ("span", "interval", "INTERVAL"),
    ("point", "nested", "STRUCT(x DOUBLE, y DOUBLE)"),
    ("a__gt", "text", "VARCHAR"),
    ("a", "integer", "INTEGER"),
    ("_hidden", "text", "VARCHAR"),
    ("_sort", "integer", "INTEGER"),
    ("-b", "integer", "INTEGER"),
    ("x, y", "text", "VARCHAR"),
    ("p as q", "text", "VARCHAR"),
    ('say "hi"', "text", "VARCHAR"),
    ("名前", "text", "VARCHAR"),
    ("utm_source", "text", "VARCHAR"),
    ("Name", "text", "VARCHAR"),
)

Ask = Callable[..., Query]


def dataset_of(columns: tuple[tuple[str, ColumnKind, str], ...]) -> Dataset:
    return Dataset(
        tenant="river",
        name="conservation-area",
        version="v1",
        modified=datetime(2024, 5, 1, tzinfo=UTC),
        private=False,
        columns=tuple(
            Column(name=name, kind=kind, type_name=type_name, source=name)
            for name, kind, type_name in columns
        ),
        files=(),
    )
