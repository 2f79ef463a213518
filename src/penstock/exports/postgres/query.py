"""A query over a tenant's own PostgreSQL, as the declarations of exports make it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TableQuery:
    """One SELECT of our own, and what is bound into it.

    `sql` is a SELECT without a semicolon, with `%s` for each of `parameters` (and `%%` for a plain
    per cent sign); a type is given to a value as `CAST(%s AS numeric)`, since `-1::numeric` is
    another thing than `(-1)::numeric`. It needs no ORDER BY: its rows are ordered by `sort`.
    """

    sql: str
    parameters: tuple[object, ...] = ()
    """Values: None, bool, int, float, Decimal, str, bytes, date, time, datetime, UUID; and lists of
    one of these, as in `= ANY (%s)`."""
    sort: tuple[str, ...] = ()
    """Columns of the result, by which its rows are ordered ascending, nulls last; () leaves them as
    they come. Texts are ordered by their code points, whatever the database's collation is."""
