"""The cost of progress: pairs of one job, told of and silent, in turns, until it is known well."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import exports_told
from exports_jobs import ONE_READER, furnish
from exports_postgres import WideTable
from exports_results import Effort, Pair, Progress, Spent
from exports_told import SILENT, TOLD, WEIGHED
from servers import ENVIRONMENT, BenchError

HALF_WIDTH = 0.01
"""Of the intervals, at which there are pairs enough: they tell 2 % from nothing then."""

_WARM_UP = 2
_WEIGHED = 5
_STOP_SECONDS = 15

_Make = Callable[[str], Spent]


def progress(table: WideTable, effort: Effort, *, home: Path, log: Path) -> Progress:
    """Have pairs made until both intervals are narrow enough, or the time for them is over.

    What an interval holds has no say in when it ends, only how wide it is. Raises BenchError.
    """
    rows = min(effort.progress_rows, table.rows)
    found = Progress(rows=rows)
    furnish(home, connection_string=table.connection_string)
    with _worker(home, rows, log) as make:
        for _ in range(_WARM_UP):
            _pair(make, is_told_first=True)
        ends = time.monotonic() + effort.progress_seconds
        while len(found.pairs) < effort.pairs or not (
            _is_narrow(found) or time.monotonic() >= ends
        ):
            found.pairs.append(_pair(make, is_told_first=len(found.pairs) % 2 == 0))
        found.weighed = [make(WEIGHED) for _ in range(_WEIGHED)]
    if found.reports < 1:
        raise BenchError("no progress was reported where it should have been")
    return found


def _pair(make: _Make, *, is_told_first: bool) -> Pair:
    if is_told_first:
        told = make(TOLD)
        return Pair(told=told, silent=make(SILENT))
    silent = make(SILENT)
    return Pair(told=make(TOLD), silent=silent)


def _is_narrow(found: Progress) -> bool:
    intervals = found.cost_in_time, found.cost_in_processor_time
    return all(each is not None and each.half_width <= HALF_WIDTH for each in intervals)


@contextmanager
def _worker(home: Path, rows: int, log: Path) -> Iterator[_Make]:
    command = [sys.executable, str(Path(exports_told.__file__)), str(home), str(rows)]
    with (
        log.open("ab") as out,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=out,
            text=True,
            start_new_session=True,
            env={**ENVIRONMENT, **ONE_READER},
        ) as process,
    ):
        asks, answers = process.stdin, process.stdout
        if asks is None or answers is None:
            raise BenchError("the worker has no pipes")

        def make(way: str) -> Spent:
            try:
                print(way, file=asks, flush=True)
            except OSError as error:
                raise BenchError(f"the worker has ended; see {log}") from error
            line = answers.readline()
            if not line:
                raise BenchError(f"a job wasn't made; see {log}")
            said = json.loads(line)
            if said["rows"] != rows:
                raise BenchError(f"{said['rows']:,} rows were exported of {rows:,}")
            del said["rows"]
            return Spent(**said)

        try:
            yield make
            asks.close()
            process.wait(_STOP_SECONDS)
        finally:
            process.kill()
