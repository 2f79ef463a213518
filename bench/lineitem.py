"""The same service on TPC-H lineitem files: wide rows with decimals, and memory as they grow."""

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq

import ways
from client import Request, download
from measure import Memory, Results, Say, serving
from servers import BenchError
from ways import Way

LIMIT = 600_000


def measure(
    path: Path, *, way: Callable[[Path, dict[str, Request]], Way], log: Path, say: Say
) -> Results:
    """Fetch the whole file once in each of a few cases, each from a fresh server.

    The results know nothing but ours, with the Parquet file's rows under `checked`.
    """
    name = f"/{path.stem}"
    requests = {
        ways.CSV: Request(path=f"{name}.csv"),
        ways.NDJSON: Request(path=f"{name}.ndjson"),
        ways.ZSTD: Request(path=f"{name}.csv", coding="zstd"),
        ways.LIMITED: Request(path=f"{name}.csv?_limit={LIMIT}"),
    }
    ours, results = way(path, requests), Results()
    rows = pq.read_metadata(path).num_rows
    results.checked.append(f"{rows:,} rows, {path.stat().st_size / 1e6:,.0f} MB of Parquet")
    for case, request in requests.items():
        say(f"{path.parent.name}/{path.name}, {case}")
        with serving(ours, log=log) as server:
            try:
                results.add(ours, case, download(server, request))
            except BenchError as error:
                results.fail(ours, case, str(error))
                continue
            results.memory.setdefault(ours.name, {})[case] = Memory(
                base=server.base_rss, peak=server.peak_rss()
            )
    return results
