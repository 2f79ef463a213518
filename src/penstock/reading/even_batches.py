"""Even batches: the same rows in batches that depend on nothing but the rows."""

from collections.abc import Iterable, Iterator

import pyarrow as pa


def even(batches: Iterable[pa.RecordBatch], *, rows: int) -> Iterator[pa.RecordBatch]:
    """Cut and join batches so that each has `rows` rows, and the last one what is left.

    The engine's own borders vary from run to run with threads and pauses; a format that writes a
    batch as a unit needs fixed ones to give the same bytes again. Holds up to `rows` rows and one
    batch. Passes an empty batch on if all are empty.
    """
    held: list[pa.RecordBatch] = []
    count = 0
    empty: pa.RecordBatch | None = None
    given = False
    for batch in batches:
        empty = batch.slice(0, 0)
        start = 0
        while count + batch.num_rows - start >= rows:
            taken = rows - count
            yield _joined([*held, batch.slice(start, taken)])
            given = True
            start += taken
            held, count = [], 0
        if start < batch.num_rows:
            held.append(batch.slice(start))
            count += batch.num_rows - start
    if held:
        yield _joined(held)
    elif empty is not None and not given:
        yield empty


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)
