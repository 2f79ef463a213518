"""Dataset files: Parquet in row groups and small pages, so that slices read little."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from penstock.formats.columns.sink import Sink

GROUP_ROWS = 100_000
GROUP_BYTES = 64 << 20
"""A row group ends at the first of the two; bytes are decoded Arrow bytes."""

_PAGE_BYTES = 65_536
"""A slice unpacks whole pages, and of a column with many different values a whole dictionary, which
may be a megabyte otherwise: half the time of a slice. A whole scan takes some percent longer."""


def dataset_writer(place: Path | Sink, schema: pa.Schema) -> pq.ParquetWriter:
    """Open a file for row groups, with zstd pages, statistics and a page index."""
    return pq.ParquetWriter(
        place,
        schema,
        compression="zstd",
        write_page_index=True,
        data_page_size=_PAGE_BYTES,
        dictionary_pagesize_limit=_PAGE_BYTES,
    )


def write_parquet(path: Path, *, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    """Write a file of row groups of at most GROUP_ROWS; gives the number of rows.

    One content gives the same bytes under one version of pyarrow. Holds one row group.
    """
    rows = 0
    with dataset_writer(path, schema) as writer:
        for group in row_groups(schema, batches):
            writer.write_table(group, row_group_size=GROUP_ROWS)
            rows += group.num_rows
    return rows


def row_groups(
    schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, max_bytes: int = GROUP_BYTES
) -> Iterator[pa.Table]:
    """Gather batches into row groups; none is empty. Holds one, and a batch.

    A group ends with the batch that fills it, or within it at GROUP_ROWS.
    """
    held: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        start = 0
        while start < batch.num_rows:
            part = batch.slice(start, GROUP_ROWS - rows)
            held.append(part)
            start += part.num_rows
            rows += part.num_rows
            size += part.nbytes
            if rows >= GROUP_ROWS or size >= max_bytes:
                yield pa.Table.from_batches(held, schema=schema)
                held, rows, size = [], 0, 0
    if held:
        yield pa.Table.from_batches(held, schema=schema)
