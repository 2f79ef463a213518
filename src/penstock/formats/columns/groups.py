"""Groups: rows are cut where it doesn't depend on how they came in batches."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from penstock.formats.rows.cells import entries

_types = pa.types
_BITS = 8
_WORD_BYTES = 8
"""What a value without a width of its own is taken to weigh: an offset, a dictionary's index."""


def gathered(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, *, max_rows: int, max_bytes: int
) -> Iterator[list[pa.Table]]:
    """Give, for each batch, the groups that are full with it; behind the last one, the rest.

    A group ends with the row that fills it, in rows or in decoded bytes as `row_bytes` counts
    them. Each is one chunk a column. Holds the rows of one group and one batch.
    """
    held: list[pa.RecordBatch] = []
    rows, size = 0, 0
    for batch in batches:
        full = []
        ends = pc.cumulative_sum(row_bytes(batch))
        start, before = 0, 0
        while start < batch.num_rows:
            reach = pa.scalar(max_bytes - size + before, pa.int64())
            stop = pc.search_sorted(ends, reach, side="left").as_py() + 1
            stop = min(max(stop, start + 1), start + max_rows - rows)
            if stop > batch.num_rows:
                break
            full.append(_table([*held, batch.slice(start, stop - start)], schema))
            held, rows, size = [], 0, 0
            start, before = stop, ends[stop - 1].as_py()
        if start < batch.num_rows:
            held.append(batch.slice(start))
            rows += batch.num_rows - start
            size += ends[-1].as_py() - before
        yield full
    if held:
        yield [_table(held, schema)]


def row_bytes(batch: pa.RecordBatch) -> pa.Array:
    """Weigh each row in decoded bytes: values and offsets, without validity."""
    weights = pa.repeat(pa.scalar(0, pa.int64()), batch.num_rows)
    for column in batch.columns:
        weights = pc.add(weights, _weights(column))
    return weights


def _weights(column: pa.Array) -> pa.Array:
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return _weights(column.storage)
    if _types.is_run_end_encoded(kind) or _types.is_null(kind):
        return pa.repeat(pa.scalar(_WORD_BYTES, pa.int64()), len(column))
    if _types.is_struct(kind):
        weights = pa.repeat(pa.scalar(0, pa.int64()), len(column))
        for child in column.flatten():
            weights = pc.add(weights, _weights(child))
        return weights
    if _types.is_map(kind):
        return _weights_of_lists(entries(column))
    if _types.is_nested(kind):
        return _weights_of_lists(column)
    try:
        return pa.repeat(pa.scalar(-(-kind.bit_width // _BITS), pa.int64()), len(column))
    except ValueError:  # a type without a fixed width
        if _types.is_string_view(kind) or _types.is_binary_view(kind):
            column = column.cast(pa.large_binary())
        return pc.add(pc.fill_null(pc.binary_length(column), 0).cast(pa.int64()), _WORD_BYTES)


def _weights_of_lists(column: pa.Array) -> pa.Array:
    lengths = pc.fill_null(pc.list_value_length(column), 0).cast(pa.int64())
    zero = pa.array([0], pa.int64())
    edges = pa.concat_arrays([zero, pc.cumulative_sum(lengths)])
    sums = pa.concat_arrays([zero, pc.cumulative_sum(_weights(column.flatten()))])
    at_edges = pc.take(sums, edges)
    return pc.add(pc.subtract(at_edges[1:], at_edges[:-1]), _WORD_BYTES)


def _table(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_batches(batches, schema).combine_chunks()
