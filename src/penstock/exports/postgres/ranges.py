"""Ranges of a key that hold about equally many rows, for several readers of one query."""

from collections.abc import Sequence

import psycopg
from psycopg import sql

from penstock.errors import PermanentError
from penstock.exports.postgres.columns import Column
from penstock.exports.postgres.query import TableQuery

SAMPLE_ROWS = 20_000
"""About how many keys are sorted to find bounds: 64 ranges are then equal to within some 6 %."""

_KEYS = frozenset(
    {
        "smallint", "integer", "bigint", "numeric", "text", "character varying", "date", "uuid",
        "timestamp without time zone", "timestamp with time zone",
    }
)  # fmt: skip


def bounds(
    connection: "psycopg.Connection[tuple[object, ...]]",
    text: str,
    column: Column,
    *,
    n: int,
    rows: int,
) -> list[str]:
    """Give at most n - 1 keys, ascending, between which about equally many rows lie, as texts.

    Reads the keys of all rows and sorts some of them: about SAMPLE_ROWS, or all that there are.

    Raises PermanentError if a column of this type is no key.
    """
    if column.kind not in _KEYS:
        raise PermanentError(
            f"Column “{column.name}” ({column.kind}) is no key to split an export by.",
            column=column.name,
            column_type=column.kind,
        )
    shares = [number / n for number in range(1, n)]
    key = ordered(column)
    found = connection.execute(
        (
            f"SELECT percentile_disc(ARRAY{shares}::float8[]) WITHIN GROUP (ORDER BY {key})::text[]"
            f" FROM (\n{text}\n) AS q WHERE {_sampled(rows)}"
        ).encode()
    ).fetchone()
    keys = [] if found is None or not isinstance(found[0], list) else found[0]
    return [str(key) for key in dict.fromkeys(keys) if key is not None]


def _sampled(rows: int) -> str:
    return "true" if rows <= SAMPLE_ROWS else f"random() < {SAMPLE_ROWS / rows:.9f}"


def between(query: TableQuery, column: Column, keys: Sequence[str]) -> list[TableQuery]:
    """Split a query at these keys, in order: each row is in just one part, nulls in the last."""
    if not keys:
        return [query]
    key, kind = ordered(column, escaped=True), column.kind
    made = []
    for low, high in zip([None, *keys], [*keys, None], strict=True):
        conditions, values = [], []
        if low is not None:
            conditions.append(f"{key} >= %s::{kind}")
            values.append(low)
        if high is not None:
            conditions.append(f"{key} < %s::{kind}")
            values.append(high)
        condition = " AND ".join(conditions)
        if high is None:
            condition = f"({condition} OR {key} IS NULL)"
        made.append(
            TableQuery(
                sql=f"SELECT * FROM (\n{query.sql}\n) AS q WHERE {condition}",
                parameters=(*query.parameters, *values),
                sort=query.sort,
            )
        )
    return made


def ordered(column: Column, *, escaped: bool = False) -> str:
    """Give the SQL that orders rows by a column: texts by their code points."""
    name = sql.Identifier(column.name).as_string()
    if escaped:
        name = name.replace("%", "%%")
    collated = column.kind in {"text", "character varying", "character", "name"}
    return f'q.{name} COLLATE "C"' if collated else f"q.{name}"
