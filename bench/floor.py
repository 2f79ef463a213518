"""The floor in its own process: DuckDB decodes the whole file into Arrow batches, nothing encoded.

Started as `python floor.py PATH`; for each variant's name on standard input it scans once and
answers one line, the seconds from the query to the last batch.
"""

import sys
import time
from collections.abc import Callable

import duckdb
import pyarrow as pa

SCAN = "select * from read_parquet(?)"


def _scan(settings: tuple[str, ...], *, batch_rows: int) -> Callable[[str], pa.RecordBatchReader]:
    connection = duckdb.connect()
    for setting in settings:
        connection.execute(f"set {setting}")
    return lambda path: connection.execute(SCAN, [path]).to_arrow_reader(batch_rows)


PLAIN = "2 threads, 8,192-row batches"
TWO_THREADS = ("threads = 2",)
VARIANTS: dict[str, tuple[tuple[str, ...], int]] = {
    "default settings, 8,192-row batches": ((), 8_192),
    PLAIN: (TWO_THREADS, 8_192),
    "2 threads, 32,768-row batches": (TWO_THREADS, 32_768),
    "2 threads, 100,000-row batches": (TWO_THREADS, 100_000),
    "2 threads, 8,192-row batches, 32 MB read ahead": (
        (*TWO_THREADS, "streaming_buffer_size = '32MB'"),
        8_192,
    ),
    "2 threads, 8,192-row batches, any order": (
        (*TWO_THREADS, "preserve_insertion_order = false"),
        8_192,
    ),
}


def main() -> None:
    path = sys.argv[1]
    scans = {name: _scan(said, batch_rows=rows) for name, (said, rows) in VARIANTS.items()}
    for line in sys.stdin:
        began = time.perf_counter()
        rows = sum(batch.num_rows for batch in scans[line.strip()](path))
        print(f"{time.perf_counter() - began:.6f} {rows}", flush=True)


if __name__ == "__main__":
    main()
