"""Tables: rows of a SELECT over the tenant's own PostgreSQL, read in one snapshot."""

from penstock.exports.declaration import WHERE, DatabaseSource, ExportType
from penstock.exports.making import Making, Reached
from penstock.exports.parameters import Parameters
from penstock.exports.postgres import TableQuery
from penstock.exports.ranges import split, table_stream
from penstock.exports.side_by_side import make_ranges

_RANGES_A_READER = 4


def make_table(making: Making, source: DatabaseSource, given: Parameters) -> Reached:
    """Read a table's rows, in its order, and store them as parts.

    All rows are of one moment. Nothing is left to go on from before all of them are read: another
    moment's rows are others. A large table is read in ranges where there are several readers.
    Raises what PostgresReader and `Making.written` raise.
    """
    query = table_query(making.wanted, source, given)
    limits = making.sources.limits
    with (
        making.sources.databases.lend(making.job.tenant) as reader,
        reader.snapshot() as snapshot,
    ):
        total = snapshot.count(query) if source.is_counted else None
        if making.wanted.size == "large" and limits.readers > 1:
            # More ranges than readers: they are never of quite the same weight.
            ranges = split(snapshot, query, n=limits.readers * _RANGES_A_READER)
            return make_ranges(making, snapshot, ranges, total=total)
        stream = table_stream(snapshot, query, cancelled=making.attempt.is_over)
        return making.written(stream, total=total, before=Reached())


def table_query(wanted: ExportType, source: DatabaseSource, given: Parameters) -> TableQuery:
    """Put the conditions of the parameters that are given into a type's SELECT; values are bound.

    The result has the type's columns in its order, and is sorted by its sort.
    """
    conditions: list[str] = []
    bound: list[object] = []
    for name, condition in source.where.items():
        value = getattr(given, name)
        if value is None:
            continue
        if isinstance(value, tuple):
            places, values = f"({', '.join(['%s'] * len(value))})", list(value)
        else:
            places, values = "%s", [value] * condition.replace("%%", "").count("%s")
        conditions.append(f"({condition.replace('%s', places)})")
        bound += values
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    columns = ", ".join(f'"{name}"' for name in wanted.columns)
    return TableQuery(
        sql=f"SELECT {columns} FROM ({source.sql.replace(WHERE, where)}) AS wanted",
        parameters=tuple(bound),
        sort=wanted.sort,
    )
