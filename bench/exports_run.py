"""One run: every way out of PostgreSQL in rotation, what progress costs, slices, then the API."""

import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import dataset
import exports_functions
import exports_jobs
import exports_latency
import exports_peers
import exports_progress
from exports_jobs import ONE_READER, TWO_READERS, House
from exports_postgres import WideTable, postgres
from exports_results import Effort, Made, Results, Taken
from penstock.model.job import Job
from servers import ENVIRONMENT, BenchError

TYPE = "wide-rows"
SMALL = {"first": 1000}
"""What a worker makes first, so that it has begun by the measured job."""

PLAIN = "no filter"
FILTERED = "a filter that keeps all rows"
CSV = "no filter, and as one CSV file"
_DATASET = "rows"
_SLICES: dict[str, dict[str, object]] = {
    PLAIN: {},
    FILTERED: {"query": "entity__gte=0"},
    CSV: {"formats": ["csv"]},
}

Say = Callable[[str], None]


def run(
    effort: Effort,
    *,
    work: Path,
    program: Sequence[str],
    with_peers: bool,
    with_csv: bool,
    say: Say,
) -> Results:
    """Measure everything. Raises BenchError if anything of ours can't be made, or isn't right."""
    results, log = Results(rows=effort.rows), work / "exports.log"
    with postgres(work / "postgres") as server:
        say(f"making the table of {effort.rows:,} rows in {work}")
        table = server.table(effort.rows)
        _rounds(results, table, effort, work=work, with_peers=with_peers, log=log, say=say)
        say("what progress costs")
        with _fresh_home(work) as home:
            results.progress = exports_progress.progress(table, effort, home=home, log=log)
        if effort.large_rows is not None:
            say(f"making the table of {effort.large_rows:,} rows")
            table = server.table(effort.large_rows)
            say("PostgreSQL, many rows")
            results.large.append(_exported(table, work=work, log=log, checked=results.checked))
    say(f"making the dataset of {effort.slice_rows:,} rows")
    path = dataset.make_sorted(work, rows=effort.slice_rows)
    for number in range(effort.slice_rounds):
        for case in (PLAIN, FILTERED, *([CSV] if with_csv else [])):
            say(f"slices, round {number + 1} of {effort.slice_rounds}: {case}")
            made = _sliced(path, case, rows=effort.slice_rows, work=work, log=log)
            results.slices.setdefault(case, []).append(made)
    say("the API of a running service")
    with _fresh_home(work) as home:
        results.answers = exports_latency.answers(program, effort, home=home, log=log)
    say("the API's function")
    with _fresh_home(work) as folder:
        results.of_function = exports_functions.function_answers(folder, calls=effort.posts)
    return results


def _rounds(
    results: Results,
    table: WideTable,
    effort: Effort,
    *,
    work: Path,
    with_peers: bool,
    log: Path,
    say: Say,
) -> None:
    ways = [(ONE_READER, results.exports), (TWO_READERS, results.side_by_side)]
    for number in range(effort.rounds):
        say(f"PostgreSQL, round {number + 1} of {effort.rounds}")
        # Who is first alternates: what drifts weighs on both alike.
        for readers, made in ways if number % 2 == 0 else reversed(ways):
            checked = None if made else results.checked
            made.append(_exported(table, readers, work=work, log=log, checked=checked))
        for peer in exports_peers.WAYS if with_peers else ():
            if peer in exports_peers.SLOW and number not in {0, effort.rounds - 1}:
                continue
            _peer(results, peer, table, work=work)


def _exported(
    table: WideTable,
    readers: Mapping[str, str] = ONE_READER,
    *,
    work: Path,
    log: Path,
    checked: list[str] | None,
) -> Made:
    with (
        _fresh_home(work) as home,
        exports_jobs.house(
            home, log=log, readers=readers, connection_string=table.connection_string
        ) as house,
    ):
        house.made(TYPE, SMALL)
        job, made = house.made(TYPE, {})
        if made.rows != table.rows:
            raise BenchError(f"{made.rows:,} rows were exported of {table.rows:,}")
        if checked is not None:
            checked.append(_checked(house, job, table))
    return made


def _checked(house: House, job: Job, table: WideTable) -> str:
    """Read a result with a reader that isn't ours: the order of its rows, and a sum of decimals."""
    net, last = Decimal(0), 0
    paths = house.files(job)
    for path in paths:
        file = pq.ParquetFile(path)
        if file.schema_arrow.field("net").type != pa.decimal128(12, 2):
            raise BenchError(f"decimals came out as {file.schema_arrow.field('net').type}")
        for batch in file.iter_batches(100_000, columns=["id", "net"]):
            ids = batch.column("id")
            if not ids.equals(pa.array(np.arange(last + 1, last + 1 + len(ids)))):
                raise BenchError(f"rows are missing or out of order behind {last:,}")
            last += len(ids)
            net += pc.sum(batch.column("net")).as_py()
    if last != table.rows or net != table.net:
        raise BenchError(f"decimals sum up to {net}, in the database to {table.net}")
    files = "one file" if len(paths) == 1 else f"{len(paths)} files"
    return f"{last:,} rows of PostgreSQL in {files}, in order, with decimals whose sum is exact"


def _peer(results: Results, way: str, table: WideTable, *, work: Path) -> None:
    if way in results.failures:
        return
    command = [sys.executable, str(Path(exports_peers.__file__)), way]
    with _fresh_home(work) as folder:
        ended = subprocess.run(
            [*command, str(folder)],
            input=f"{table.connection_string}\n",
            capture_output=True,
            text=True,
            check=False,
            env=ENVIRONMENT,
        )
    if ended.returncode != 0:
        said = ended.stderr.strip().splitlines()
        results.failures[way] = said[-1] if said else f"ended with {ended.returncode}"
        return
    told = json.loads(ended.stdout)
    if told["rows"] not in (None, table.rows):
        results.failures[way] = f"{told['rows']:,} rows in place of {table.rows:,}"
        return
    taken = Taken(seconds=told["seconds"], size=told["size"], peak=told["peak"])
    results.peers.setdefault(way, []).append(taken)


def _sliced(path: Path, case: str, *, rows: int, work: Path, log: Path) -> Made:
    params = {"dataset": _DATASET, **_SLICES[case]}
    with (
        _fresh_home(work) as home,
        exports_jobs.house(home, log=log, datasets={_DATASET: path}) as house,
    ):
        house.made("dataset-slice", {**params, "query": "_limit=1000"})
        _, made = house.made("dataset-slice", params)
    if made.rows != rows:
        raise BenchError(f"{case}: {made.rows:,} rows were exported of {rows:,}")
    return made


_homes = itertools.count(1)


@contextmanager
def _fresh_home(work: Path) -> Iterator[Path]:
    """Give a folder for the body; numbered, so that names in the log tell the runs apart."""
    with tempfile.TemporaryDirectory(dir=work, prefix=f"home-{next(_homes)}-") as folder:
        yield Path(folder)
