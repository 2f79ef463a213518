"""Columns of a query's result: how each is selected, and as which Arrow type it is given.

| PostgreSQL | Arrow |
|---|---|
| boolean, smallint, integer, bigint, real, double precision | the same |
| numeric(p, s) up to 38 digits | decimal128(p, s) |
| numeric without bounds or with more digits, money | text, with every digit |
| text, varchar, char(n), name | text, char(n) with its blanks |
| date, time, timestamp | date32, time64[us], timestamp[us] |
| timestamptz | timestamp[us, UTC] |
| interval | text in ISO 8601, such as P1Y2M3DT4H |
| bytea | binary |
| uuid, json, xml, enums, ranges, network addresses, bit strings, timetz, tsvector | text |
| arrays of one dimension of these | lists |

Anything else is refused by name, and so are values that the Arrow type has not: NaN and infinite
numerics, infinite dates and moments, 24:00:00, and arrays of several dimensions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg
import pyarrow as pa
from psycopg import sql

from penstock.errors import PermanentError

_UTC = pa.timestamp("us", tz="UTC")
_NUMERIC, _MONEY, _OID, _BLANK_PADDED = 1700, 790, 26, 1042

_PLAIN: Mapping[int, pa.DataType] = {
    16: pa.bool_(),
    21: pa.int16(),
    23: pa.int32(),
    20: pa.int64(),
    700: pa.float32(),
    701: pa.float64(),
    25: pa.string(),
    1043: pa.string(),
    1042: pa.string(),
    18: pa.string(),
    19: pa.string(),
    17: pa.binary(),
    1082: pa.date32(),
    1083: pa.time64("us"),
    1114: pa.timestamp("us"),
    1184: _UTC,
}
"""Types that arrive as they are, by their number (PostgreSQL's pg_type.dat)."""

_AS_TEXT = frozenset(
    {
        "uuid", "json", "jsonb", "jsonpath", "xml", "interval", "time with time zone", "tsvector",
        "tsquery", "pg_lsn", "citext", "hstore", "ltree", "macaddr", "macaddr8",
    }
)  # fmt: skip
_TEXT_CATEGORIES = frozenset("EIRSV")
"""pg_type.typcategory of enums, network addresses, ranges, texts and bit strings."""

_MOST_DIGITS = 38
"""What a decimal has at most in the engine that reads the export, so more is given as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a result."""

    name: str
    kind: str
    """Its type in PostgreSQL's words."""
    type: pa.DataType
    select: str
    """The SQL that gives it, from a row called `q`."""
    dimensions: str | None = None
    """For an array, the SQL that gives the number of its dimensions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Type:
    """What pg_type tells of a type, and of its elements where it is an array."""

    oid: int
    kind: str
    category: str
    element: "_Type | None" = None


def describe(connection: "psycopg.Connection[tuple[object, ...]]", text: str) -> list[Column]:
    """Give the columns of a query, without reading a row of it.

    Raises psycopg.Error if the database refuses the query, and PermanentError if it gives no
    columns, two of one name, or one of a type that has no place in Arrow.
    """
    result = connection.execute(f"SELECT * FROM (\n{text}\n) AS q LIMIT 0".encode()).pgresult
    if result is None or result.nfields == 0:
        raise PermanentError("The export's query gives no columns.")
    names = [(result.fname(index) or b"").decode() for index in range(result.nfields)]
    _refuse_names(names)
    oids = [result.ftype(index) for index in range(result.nfields)]
    types = _types(connection, oids)
    return [
        _column(name, types[oid], result.fmod(index))
        for index, (name, oid) in enumerate(zip(names, oids, strict=True))
    ]


def _refuse_names(names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise PermanentError(
                f"The export's query gives two columns called “{name}”: give each its own name.",
                column=name,
            )
        if name in {"", "?column?"}:
            raise PermanentError("The export's query gives a column without a name: name it.")
        seen.add(name)


def _types(
    connection: "psycopg.Connection[tuple[object, ...]]", oids: Sequence[int]
) -> dict[int, _Type]:
    types = {}
    for oid, kind, category, element, element_kind, element_category in connection.execute(
        # Values of a domain arrive as those of its base type; only elements are told as domains.
        "SELECT t.oid, format_type(t.oid, NULL), t.typcategory::text, b.oid,"
        " format_type(b.oid, NULL), b.typcategory::text FROM pg_catalog.pg_type t"
        " LEFT JOIN pg_catalog.pg_type e ON t.typcategory = 'A' AND e.oid = t.typelem"
        " LEFT JOIN pg_catalog.pg_type b"
        " ON b.oid = CASE WHEN e.typtype = 'd' THEN e.typbasetype ELSE e.oid END"
        " WHERE t.oid = ANY (%s::oid[])",
        [list(set(oids))],
    ).fetchall():
        inner = (
            None
            if element is None
            else _Type(oid=_number(element), kind=str(element_kind), category=str(element_category))
        )
        types[_number(oid)] = _Type(
            oid=_number(oid), kind=str(kind), category=str(category), element=inner
        )
    return types


def _number(value: object) -> int:
    return int(str(value))


def _column(name: str, kind: _Type, modifier: int) -> Column:
    value = f"q.{sql.Identifier(name).as_string()}"
    if kind.element is None:
        select, arrow = _scalar(name, kind, modifier, value=value, many="")
        return Column(name=name, kind=kind.kind, type=arrow, select=select)
    select, arrow = _scalar(name, kind.element, modifier, value=value, many="[]")
    return Column(
        name=name,
        kind=kind.kind,
        type=pa.list_(arrow),
        # A slice begins at 1, wherever the array itself does.
        select=f"({select})[:]",
        dimensions=f"coalesce(array_ndims({value}), 0)::int4",
    )


def _scalar(
    name: str, kind: _Type, modifier: int, *, value: str, many: str
) -> tuple[str, pa.DataType]:
    if kind.oid in _PLAIN:
        # `character` alone would cut each to one character.
        element = "bpchar" if kind.oid == _BLANK_PADDED else kind.kind
        return f"{value}::{element}[]" if many else value, _PLAIN[kind.oid]
    if kind.oid == _OID:
        return f"{value}::int8{many}", pa.int64()
    if kind.oid == _NUMERIC:
        return f"{value}::text{many}", _decimal(modifier)
    if kind.oid == _MONEY:
        return f"{value}::numeric{many}::text{many}", pa.string()
    if kind.kind in _AS_TEXT or kind.category in _TEXT_CATEGORIES:
        return f"{value}::text{many}", pa.string()
    raise PermanentError(
        f"Column “{name}” is of type {kind.kind}{many}, which an export can't hold: "
        "leave it out, or turn it into text in the query.",
        column=name,
        column_type=f"{kind.kind}{many}",
    )


def _decimal(modifier: int) -> pa.DataType:
    # numerictypmodin in PostgreSQL's numeric.c: 4, and precision << 16 | scale in 11 signed bits.
    if modifier < 0:
        return pa.string()
    packed = modifier - 4
    precision, scale = packed >> 16 & 0xFFFF, (packed & 0x7FF ^ 0x400) - 0x400
    digits = max(precision, scale) if scale >= 0 else precision - scale
    return pa.decimal128(digits, max(scale, 0)) if digits <= _MOST_DIGITS else pa.string()
