"""Measure the download service against its peers, in one run: `python bench/download.py`."""

import argparse
import dataclasses
import json
import os
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import dataset
import lineitem
import machine as machines
import measure
import ways
from checks import check_ours
from client import Request
from measure import Results
from servers import BenchError
from table import tables
from targets import Target, targets
from ways import Way

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("penstock", "duckdb", "pyarrow", "arro3-io", "isal", "uvicorn", "uvloop", "httptools",
            "fastapi", "pandas", "datasette", "roapi")  # fmt: skip
MEMORY_CASES = (ways.CSV, ways.GZIP, ways.ZSTD, ways.NDJSON, ways.JSON, ways.ARROW, ways.STORED,
                ways.FILTERED, ways.LIMITED, ways.LIMITED_NDJSON, ways.SLICE)  # fmt: skip


def main() -> int:
    """Run everything, print the tables, write the JSON; 1 if anything of ours failed."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    try:
        return _run(options)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--work", type=Path, default=Path(tempfile.gettempdir()) / "penstock-bench",
        help="folder for the generated files, kept for the next run (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="a smoke run on 200,000 rows")
    parser.add_argument("--rounds", type=int, help="rounds of whole-file transfers (5; quick: 2)")
    parser.add_argument("--no-peers", action="store_true", help="ours and the floor alone")
    parser.add_argument(
        "--lineitem", type=Path, action="append", default=[], metavar="PATH",
        help="a TPC-H lineitem Parquet file to measure too (tpchgen-cli makes one); repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--penstock", default=str(Path(sys.executable).with_name("penstock")), metavar="COMMAND",
        help="the command to measure (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="folder for the JSON (%(default)s)"
    )
    return parser.parse_args()


def _run(options: argparse.Namespace) -> int:
    if shutil.which("curl") is None:
        raise BenchError("curl is the client of this benchmark, and it isn't installed")
    began, load = datetime.now(UTC), os.getloadavg()[0]
    work: Path = options.work
    work.mkdir(parents=True, exist_ok=True)
    _say(f"making the dataset in {work}")
    inputs = dataset.make(work, rows=dataset.QUICK_ROWS if options.quick else dataset.FULL_ROWS)
    others, missing = ([], []) if options.no_peers else ways.peers(inputs, work=work)
    program = shlex.split(options.penstock)

    with tempfile.TemporaryDirectory(dir=work, prefix="homes-") as homes:

        def ours(path: Path, requests: Mapping[str, Request]) -> Way:
            return ways.ours(
                program, path=path, homes=Path(homes), requests=requests, ready="/-/healthz"
            )

        results, log = Results(), work / "servers.log"
        us = ours(inputs.folder, ways.our_requests(inputs))
        broken = _broken(us, log=log)
        present = broken is None
        if broken is not None:
            missing.append(f"{options.penstock} does not run: {broken}")
        ways_run = [us, *others] if present else others
        _measure(results, us if present else None, ways_run, inputs, options, log)
        lineitems = {
            f"{path.parent.name}/{path.name}": lineitem.measure(path, way=ours, log=log, say=_say)
            for path in (options.lineitem if present else [])
        }

    found = targets(results, lineitems)
    shown = tables(results, ways_run, lineitems, found)
    machine = machines.facts(PACKAGES, load=load)
    print(f"\n{_described(machine, inputs)}\n\n{shown}\n")
    for line in [*missing, *machines.doubts(load)]:
        print(f"- {line}")
    written = _write(options.results, began, machine, results, lineitems, found, shown)
    print(f"\nwritten: {written}")
    return int(not present or bool(results.failures.get(ways.OURS)))


def _broken(us: Way, *, log: Path) -> str | None:
    try:
        with measure.serving(us, log=log):
            return None
    except (BenchError, OSError) as error:
        return str(error)


def _measure(
    results: Results,
    us: Way | None,
    ways_run: Sequence[Way],
    inputs: dataset.Inputs,
    options: argparse.Namespace,
    log: Path,
) -> None:
    folder = options.work / "answers"
    if us is not None:
        _say("checking every format against the stored file")
        with measure.serving(us, log=log) as server:
            checked = check_ours(server, inputs, folder=folder)
        results.checked = checked.right
        for case, reason in checked.wrong.items():
            results.fail(us, case, reason)
    rounds = options.rounds or (2 if options.quick else 5)
    measure.whole_files(
        results, ways_run, path=inputs.by_organisation, rounds=rounds, log=log, say=_say
    )
    for way in ways_run:
        _say(f"slices, first byte and memory: {way.name}")
        measure.slices(results, way, times=10 if options.quick else 50, log=log, folder=folder)
        for case in MEMORY_CASES if way is us else (ways.CSV,):
            measure.memory(results, way, case, log=log)
    if us is not None:
        _say("slow readers")
        measure.crowd(results, us, seconds=6 if options.quick else 15, log=log)
        _say("cold starts")
        beside = Path(shlex.split(options.penstock)[0]).with_name("python")
        python = str(beside) if beside.exists() else sys.executable
        measure.cold_starts(results, us, python=python, times=2 if options.quick else 5, log=log)


def _described(machine: Mapping[str, object], inputs: dataset.Inputs) -> str:
    size = inputs.by_organisation.stat().st_size / 1e6
    return (
        f"{inputs.rows:,} rows, 10 columns, {size:,.0f} MB of Parquet; "
        f"{machines.described(machine)}"
    )


def _write(
    folder: Path,
    began: datetime,
    machine: Mapping[str, object],
    results: Results,
    lineitems: Mapping[str, Results],
    found: Sequence[Target],
    shown: str,
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"download-{began:%Y%m%dT%H%M%SZ}.json"
    body = {
        "began": began.isoformat(),
        "machine": machine,
        "results": dataclasses.asdict(results),
        "lineitem": {name: dataclasses.asdict(each) for name, each in lineitems.items()},
        "targets": [dataclasses.asdict(each) for each in found],
        "tables": shown,
    }
    path.write_text(json.dumps(body, indent=1, ensure_ascii=False))
    return path


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
