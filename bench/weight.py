"""Memory: the most that a function's process comes to hold while it streams under the cap."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import deployed
from deployed import Deployed
from invoker import function
from packaged import DOWNLOAD, Program
from servers import BenchError
from sink import Pace

MEGABYTES = (512, 1024, 2048)
DEFAULT_MEGABYTES = 1024

REQUESTS: Mapping[str, tuple[str, str | None]] = {
    "CSV": ("/{name}.csv?_limit={rows}", None),
    "CSV, zstd": ("/{name}.csv?_limit={rows}", "zstd"),
    "Parquet, made": ("/{name}.parquet?_limit={rows}", None),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A dataset to stream, and so many rows of it that they fit a response as CSV."""

    name: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """What one answer took of a fresh process; bytes that were resident, None where untold."""

    dataset: str
    case: str
    megabytes: int
    rows: int
    sent: int
    seconds: float
    base: int | None
    base_of_files: int | None
    """Of it, pages of the libraries' files, which can be dropped and read again."""
    peak: int | None
    failure: str = ""


def weights(
    program: Program,
    stack: Deployed,
    asked: Asked,
    *,
    megabytes: Sequence[int],
    pace: Pace,
    log: Path,
) -> list[Weight]:
    """Stream each case once under each memory setting, each from a fresh process."""
    return [
        _weigh(program, stack, asked, case=case, megabytes=each, pace=pace, log=log)
        for each in megabytes
        for case in REQUESTS
    ]


def _weigh(
    program: Program,
    stack: Deployed,
    asked: Asked,
    *,
    case: str,
    megabytes: int,
    pace: Pace,
    log: Path,
) -> Weight:
    pattern, coding = REQUESTS[case]
    event = deployed.event(pattern.format(name=asked.name, rows=asked.rows), coding=coding)
    variables = {**stack.variables(megabytes=megabytes), **program.variables, "_HANDLER": DOWNLOAD}
    command = (*_LIMITED, str(megabytes * 1024), *program.command)
    with function(command, variables, name=case, log=log, is_paced=True) as running:
        running.wait_until_ready()
        base, base_of_files = running.memory("VmRSS"), running.memory("RssFile")
        sent, seconds, failure = 0, 0.0, ""
        try:
            taken = running.invoke(event, pace=pace)
            sent, seconds = taken.size, taken.seconds
        except BenchError as error:
            failure = str(error).splitlines()[0]
        return Weight(
            dataset=asked.name,
            case=case,
            megabytes=megabytes,
            rows=asked.rows,
            sent=sent,
            seconds=seconds,
            base=base,
            base_of_files=base_of_files,
            peak=running.memory("VmHWM"),
            failure=failure,
        )


_LIMITED = ("sh", "-c", 'ulimit -d "$1" || exit 1; shift; exec "$@"', "limited")
"""RLIMIT_DATA in kilobytes: private memory that may be written, whether or not it ever was, and the
stacks of threads. So it is stricter than Lambda's limit, which counts what is resident."""
