"""Tables: rows of a SELECT over the tenant's own PostgreSQL, read in one snapshot."""

from penstock.exports.declaration import WHERE, DatabaseSource, ExportType
from penstock.exports.parameters import Parameters
from penstock.exports.postgres import TableQuery
from penstock.exports.ranges import how_many, joined, split, table_stream
from penstock.exports.result_writer import Checkpoint, ResultWriter
from penstock.exports.side_by_side import read_side_by_side


def make_table(writer: ResultWriter, source: DatabaseSource, given: Parameters) -> Checkpoint:
    """Read a table's rows, in its order, and store them as parts.

    All rows are of one moment. Nothing is left to go on from before all of them are read: another
    moment's rows are others. A large table is read in ranges, by other processes, where there are
    several of them; one that isn't counted, since its rows are made of many, is not: each range
    would make them anew. Raises what PostgresReader, `ResultWriter.write` and `read_side_by_side`
    raise.
    """
    query = table_query(writer.wanted, source, given)
    limits, readers = writer.resources.limits, writer.resources.range_readers
    with (
        writer.resources.databases.lend(writer.job.tenant) as reader,
        reader.snapshot() as snapshot,
    ):
        total = snapshot.count(query) if source.is_counted else None
        if writer.wanted.size == "large" and readers is not None and total is not None:
            n = how_many(total, at_once=readers.at_once, least_rows=limits.range_rows)
            ranges = split(snapshot, query, n=n) if n > 1 else []
            if len(ranges) > 1:
                described = [one.described() for one in ranges]
                read = read_side_by_side(writer, snapshot, described, readers, total=total)
                return Checkpoint(parts=joined([one.files for one in read]), is_read=True)
        stream = table_stream(snapshot, query, cancelled=writer.attempt.is_over)
        return writer.write(stream, total=total, before=Checkpoint())


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
