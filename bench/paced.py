"""What arrives under Lambda's pace: the same rows in each format, side by side."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import deployed
from deployed import Deployed
from invoker import function
from packaged import DOWNLOAD, Program
from penstock.aws.runtime.function_url import BURST_BYTES, BYTES_A_SECOND
from sink import Pace, Taken

PLAIN = "CSV"
COMPRESSED = ("CSV, gzip", "CSV, zstd")
REQUESTS: Mapping[str, tuple[str, str | None]] = {
    PLAIN: ("/{name}.csv?_limit={rows}", None),
    "CSV, gzip": ("/{name}.csv?_limit={rows}", "gzip"),
    "CSV, zstd": ("/{name}.csv?_limit={rows}", "zstd"),
    "NDJSON, zstd": ("/{name}.ndjson?_limit={rows}", "zstd"),
    "Parquet": ("/{name}.parquet?_limit={rows}", None),
    "Arrow": ("/{name}.arrow?_limit={rows}", None),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A whole answer of so many rows, taken at this pace."""

    rows: int
    pace: Pace
    taken: Taken

    @property
    def rows_a_second(self) -> float:
        """Over all of it, with the burst at its beginning."""
        return self.rows / self.taken.seconds

    @property
    def rows_a_second_paced(self) -> float | None:
        """Behind the burst, which comes at once; None where that was all of it."""
        paced = self.taken.size - self.pace.burst_bytes
        if paced <= 0:
            return None
        return paced / self.taken.size * self.rows / self.taken.seconds


def cap(scale: float = 1.0) -> Pace:
    """Give the pace of a Function URL, or a scaled one with the same ratio of burst to rate."""
    return Pace(burst_bytes=BURST_BYTES * scale, bytes_a_second=BYTES_A_SECOND * scale)


def delivered(
    program: Program, stack: Deployed, *, name: str, rows: int, pace: Pace, log: Path
) -> dict[str, Delivered]:
    """Have each format delivered once, all at the same time, each by a function of its own."""
    variables = {**stack.variables(), **program.variables, "_HANDLER": DOWNLOAD}

    def deliver(case: str) -> Delivered:
        pattern, coding = REQUESTS[case]
        path = pattern.format(name=name, rows=rows)
        with function(program.command, variables, name=case, log=log, is_paced=True) as running:
            # The tenant and the dataset are known before it is timed.
            running.invoke(deployed.event(f"/{name}.csv?_limit=1"))
            event = deployed.event(path, coding=coding)
            return Delivered(rows=rows, pace=pace, taken=running.invoke(event, pace=pace))

    with ThreadPoolExecutor(len(REQUESTS)) as threads:
        return dict(zip(REQUESTS, threads.map(deliver, REQUESTS), strict=True))


def times_plain(found: Mapping[str, Delivered], case: str) -> float | None:
    """Give a case's rows a second by those of the plain CSV: the lower of both comparisons."""
    if PLAIN not in found:
        return None
    one, plain = found[case], found[PLAIN]
    overall = one.rows_a_second / plain.rows_a_second
    if not (one.rows_a_second_paced and plain.rows_a_second_paced):
        return overall
    return min(overall, one.rows_a_second_paced / plain.rows_a_second_paced)
