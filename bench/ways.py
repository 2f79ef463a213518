"""The ways that are compared: how each one's server is started, and what it is asked for."""

import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import sqlite_copy
from client import Request
from dataset import Inputs

ORGANISATION = 122
OURS, PANDAS, SMALL_BATCHES = (
    "Penstock",
    "pandas, 10,000-row batches",
    "DuckDB + pyarrow.csv, 2,000",
)
CSV, NDJSON, JSON, ARROW = "CSV", "NDJSON", "JSON", "Arrow"
GZIP, ZSTD = "CSV, gzip", "CSV, zstd"
STORED, FILTERED = "Parquet, stored", "Parquet, filtered"
SLICE, SHUFFLED = "one organisation, sorted file", "one organisation, shuffled file"
LIMITED, LIMITED_NDJSON = "CSV, _limit", "NDJSON, _limit"

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One contender: the command that serves it on a port, and its requests by case."""

    name: str
    command: Callable[[int], list[str]]
    ready: str
    requests: Mapping[str, Request]
    slow: bool = False
    """Too slow for as many rounds as the others."""
    share: float = 1.0
    """Part of the rows that its whole-file cases hold; their times are scaled up by it."""
    note: str = ""


def ours(
    program: list[str], *, path: Path, homes: Path, requests: Mapping[str, Request], ready: str
) -> Way:
    """Serve a file or folder with this project, each time with a new, empty home under `homes`."""
    return Way(
        name=OURS,
        command=lambda port: [
            *program, "serve", str(path), "--port", str(port), "--home", str(homes / str(port)),
            "--no-demo",
        ],
        ready=ready,
        requests=requests,
    )  # fmt: skip


def our_requests(inputs: Inputs) -> dict[str, Request]:
    """Every case of this project, over the two measured files."""
    name, rows = f"/{inputs.by_organisation.stem}", inputs.rows
    limit = rows * 3 // 10  # 600,000 of 2,000,000
    return {
        CSV: Request(path=f"{name}.csv", rows=rows),
        GZIP: Request(path=f"{name}.csv", coding="gzip", rows=rows),
        ZSTD: Request(path=f"{name}.csv", coding="zstd", rows=rows),
        NDJSON: Request(path=f"{name}.ndjson", rows=rows),
        JSON: Request(path=f"{name}.json", rows=rows),
        ARROW: Request(path=f"{name}.arrow", rows=rows),
        STORED: Request(path=f"{name}.parquet", rows=rows),
        FILTERED: Request(path=f"{name}.parquet?quality=some"),
        LIMITED: Request(path=f"{name}.csv?_limit={limit}", rows=limit),
        LIMITED_NDJSON: Request(path=f"{name}.ndjson?_limit={limit}", rows=limit),
        **_slices(inputs),
    }


def peers(inputs: Inputs, *, work: Path) -> tuple[list[Way], list[str]]:
    """Give the peers that can be run here, and one line for each one that can't."""
    found = [_written_here(inputs, PANDAS, "pandas", slow=True)]
    found.append(_written_here(inputs, SMALL_BATCHES, "small-batches", slow=False))
    missing = []
    for program, make in (("datasette", _datasette), ("roapi", _roapi)):
        executable = _executable(program)
        if executable is None:
            missing.append(f"{program} is not installed: pip install 'penstock[bench]'")
        else:
            found.append(make(executable, inputs, work))
    return found, missing


def _written_here(inputs: Inputs, name: str, app: str, *, slow: bool) -> Way:
    whole = f"/{inputs.by_organisation.stem}"
    slices = _slices(inputs)
    return Way(
        name=name,
        command=lambda port: [
            sys.executable, str(HERE / "peers.py"), app, str(inputs.folder), str(port),
        ],
        ready="/docs",
        requests={
            CSV: Request(path=f"{whole}.csv", rows=inputs.rows),
            NDJSON: Request(path=f"{whole}.ndjson", rows=inputs.rows),
            **slices,
        },
        slow=slow,
    )  # fmt: skip


def _slices(inputs: Inputs) -> dict[str, Request]:
    return {
        case: Request(
            path=f"/{file.stem}.csv?organisation-entity={ORGANISATION}",
            rows=inputs.rows_an_organisation,
        )
        for case, file in ((SLICE, inputs.by_organisation), (SHUFFLED, inputs.shuffled))
    }


def _datasette(executable: str, inputs: Inputs, work: Path) -> Way:
    database = sqlite_copy.copy(
        inputs.by_organisation, work / f"{inputs.folder.name}-sqlite" / "bench.db"
    )
    return Way(
        name="Datasette, _stream=on",
        command=lambda port: [
            executable, "serve", str(database), "--port", str(port),
            "--setting", "max_csv_mb", "0", "--setting", "sql_time_limit_ms", "60000",
        ],
        ready="/-/versions.json",
        requests={
            CSV: Request(path="/bench/tenth.csv?_stream=on&_size=max"),
            SLICE: Request(
                path=f"/bench/rows.csv?_stream=on&_size=max&organisation-entity={ORGANISATION}",
                rows=inputs.rows_an_organisation,
            ),
        },
        slow=True,
        share=1 / sqlite_copy.TENTH,
        note="reads SQLite; its CSV is a tenth of the rows, its time scaled up; "
        "its slice comes from all rows, indexed",
    )  # fmt: skip


def _roapi(executable: str, inputs: Inputs, _work: Path) -> Way:
    table = "/api/tables/rows"
    chosen = f"{table}?filter%5Borganisation-entity%5D={ORGANISATION}"
    return Way(
        name="ROAPI",
        command=lambda port: [
            executable, "--addr-http", f"127.0.0.1:{port}",
            "--addr-postgres", "127.0.0.1:0", "--addr-flight-sql", "127.0.0.1:0",
            "--table", f"rows={inputs.by_organisation}",
        ],
        ready=f"{table}?limit=1",
        requests={
            CSV: Request(path=table, accept="application/csv", rows=inputs.rows),
            JSON: Request(path=table, accept="application/json", rows=inputs.rows),
            ARROW: Request(path=table, accept="application/vnd.apache.arrow.stream"),
            SLICE: Request(
                path=chosen, accept="application/csv", rows=inputs.rows_an_organisation
            ),
        },
        note="holds the whole answer in memory before it sends",
    )  # fmt: skip


def _executable(program: str) -> str | None:
    beside = Path(sys.executable).with_name(program)
    return str(beside) if beside.exists() else shutil.which(program)
