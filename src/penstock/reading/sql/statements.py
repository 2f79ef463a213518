"""Statements: the SQL of a whole read, in the slice's total order."""

from dataclasses import replace

from penstock.model.dataset import ColumnKind, Dataset
from penstock.model.slice import AfterKeys, AfterRows, ColumnRef, Page, Predicate, Slice
from penstock.reading.describe import PLACE
from penstock.reading.sql.predicates import behind
from penstock.reading.sql.predicates import predicate as predicate_sql
from penstock.reading.sql.terms import FILE, Statement, Terms, TextTypes


def file_order(
    dataset: Dataset,
    wanted: Slice,
    *,
    text: TextTypes,
    file_index: int,
    first_row: int,
    stop_row: int | None = None,
) -> Statement:
    """Read one file from `first_row` (to before `stop_row`) in its order.

    Where rows are filtered, one hidden column holds each row's place in the file; unfiltered rows
    are counted instead.
    """
    build = Terms(dataset.by_name)
    columns = [
        build.shown(build.expression(output.source), output, text) for output in wanted.outputs
    ]
    hidden = 0
    if wanted.predicate is not None:
        columns.append(PLACE)
        hidden = 1
    source = build.files([dataset.files[file_index].location])
    conditions = []
    if wanted.predicate is not None:
        conditions.append(predicate_sql(build, wanted.predicate))
    if first_row > 0:
        conditions.append(f"{PLACE} >= {first_row:d}")
    if stop_row is not None:
        conditions.append(f"{PLACE} < {stop_row:d}")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return build.statement(f"SELECT {', '.join(columns)} FROM {source}{where}", hidden=hidden)


def ordered(dataset: Dataset, wanted: Slice, *, text: TextTypes, with_keys: bool) -> Statement:
    """Read a sorted, grouped or distinct slice, in its total order, with its page applied.

    With `with_keys`, hidden columns hold each row's sort keys as text, and its place; only rows
    that are neither grouped nor distinct have a place.
    """
    build = Terms(dataset.by_name)
    has_place = not (wanted.grouped or wanted.distinct)
    place = _place(dataset)
    output_sql = build.expression if has_place else build.merged
    inner = [f"{output_sql(output.source)} AS c{i}" for i, output in enumerate(wanted.outputs)]
    inner += [f"{build.expression(key.by)} AS k{i}" for i, key in enumerate(wanted.sort)]
    if has_place:
        inner.append(f"{place} AS place")
    distinct = "DISTINCT " if wanted.distinct else ""
    read = f"SELECT {distinct}{', '.join(inner)} FROM {build.source(dataset)}"
    conditions = []
    if wanted.predicate is not None:
        conditions.append(predicate_sql(build, wanted.predicate))
    after = wanted.page.after
    if isinstance(after, AfterKeys):
        conditions.append(behind(build, wanted.sort, after, place))
    if conditions:
        read += f" WHERE {' AND '.join(conditions)}"
    if wanted.group:
        read += f" GROUP BY {', '.join(build.expression(column) for column in wanted.group)}"
    if wanted.having is not None:
        read += f" HAVING {predicate_sql(build, wanted.having)}"

    shown = [build.shown(f"c{i}", output, text) for i, output in enumerate(wanted.outputs)]
    hidden = 0
    if with_keys and has_place:
        shown += [f"CAST(k{i} AS VARCHAR)" for i in range(len(wanted.sort))] + ["place"]
        hidden = len(wanted.sort) + 1
    order = [_order(f"k{i}", descending=key.descending) for i, key in enumerate(wanted.sort)]
    order += ["place"] if has_place else [_order(f"c{i}") for i in range(len(wanted.outputs))]
    sql = f"SELECT {', '.join(shown)} FROM ({read}) ORDER BY {', '.join(order)}"
    if wanted.page.limit is not None:
        sql += f" LIMIT {wanted.page.limit:d}"
    skipped = wanted.page.offset + (after.rows if isinstance(after, AfterRows) else 0)
    if skipped:
        sql += f" OFFSET {skipped:d}"
    return build.statement(sql, hidden=hidden)


def count(dataset: Dataset, predicate: Predicate | None) -> Statement:
    """Count the rows that a predicate keeps."""
    build = Terms(dataset.by_name)
    counted = f"SELECT count(*) FROM {build.source(dataset)}"
    if predicate is not None:
        counted += f" WHERE {predicate_sql(build, predicate)}"
    return build.statement(counted)


def count_answer(dataset: Dataset, wanted: Slice) -> Statement:
    """Count the rows of a grouped or distinct slice, its page not applied."""
    whole = replace(wanted, sort=(), page=Page())
    read = ordered(dataset, whole, text=TextTypes(), with_keys=False)
    return replace(read, sql=f"SELECT count(*) FROM ({read.sql})", hidden=0)


def profile(dataset: Dataset) -> Statement:
    """Profile every column in one pass: nulls, an estimate of distinct values, and both ends.

    Four columns of the answer for each column, the ends as text and null where a type has none.
    """
    build = Terms(dataset.by_name)
    wanted = []
    for column in dataset.columns:
        name = build.expression(ColumnRef(column.name))
        wanted += [f"count(*) - count({name})", f"approx_count_distinct({name})"]
        has_ends = column.kind not in NO_ENDS
        wanted += [
            f"CAST({end}({name}) AS VARCHAR)" if has_ends else "NULL" for end in ("min", "max")
        ]
    return build.statement(f"SELECT {', '.join(wanted)} FROM {build.source(dataset)}")


NO_ENDS: frozenset[ColumnKind] = frozenset({"nested", "binary", "interval"})
"""Kinds of which no least and greatest value is told."""


def _place(dataset: Dataset) -> str:
    """Name a row's place in the whole dataset: files one after the other."""
    if len(dataset.files) == 1:
        return PLACE
    before = 0
    cases = []
    for index, file in enumerate(dataset.files):
        cases.append(f"WHEN {index:d} THEN {before:d}")
        before += file.rows
    return f"(CASE {FILE} {' '.join(cases)} END + {PLACE})"


def _order(sql: str, *, descending: bool = False) -> str:
    return f"{sql} {'DESC' if descending else 'ASC'} NULLS LAST"
