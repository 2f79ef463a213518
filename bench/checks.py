"""Whether what was measured is right: formats hold the file's rows, codings the same bytes."""

import gzip
import hashlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

import ways
from client import Request, download
from dataset import Inputs
from servers import BenchError, Server

PIECE = 1 << 20


class WrongAnswerError(BenchError):
    """An answer doesn't hold what the file holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the checks found: a line for each case that is right, a reason for each that isn't."""

    right: list[str]
    wrong: dict[str, str]


def check_ours(server: Server, inputs: Inputs, *, folder: Path) -> Checked:
    """Fetch every case once and compare it with the stored file.

    Answers are kept in `folder`, all but the plain CSV one at a time, and removed at the end.
    """
    folder.mkdir(parents=True, exist_ok=True)
    requests = ways.our_requests(inputs)
    checks: dict[str, Callable[[Path, Request, Inputs], str]] = {
        ways.CSV: _check_csv,
        ways.GZIP: partial(_check_coded, opened=gzip.open),
        ways.ZSTD: partial(_check_coded, opened=_open_zstd),
        ways.NDJSON: partial(_check_json, layout="newline_delimited"),
        ways.JSON: partial(_check_json, layout="array"),
        ways.STORED: _check_stored,
        ways.ARROW: _check_arrow,
        ways.FILTERED: _check_filtered,
    }
    right, wrong = [], {}
    for case, request in requests.items():
        answer = folder / ("plain" if case == ways.CSV else "other")
        try:
            download(server, request, to=answer)
            right.append(f"{case}: {checks.get(case, _check_lines)(answer, request, inputs)}")
            if case == ways.CSV:
                _check_again(server, request, answer)
        except (BenchError, pa.ArrowException, duckdb.Error, OSError) as error:
            wrong[case] = str(error)
    for path in folder.iterdir():
        path.unlink()
    return Checked(right=right, wrong=wrong)


def check_slice(server: Server, request: Request, *, folder: Path) -> None:
    """Check a peer's slice by its number of lines. Raises WrongAnswerError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "slice"
    download(server, request, to=path)
    _same(_lines(path) - 1, request.rows, "the slice's rows")
    path.unlink()


def _same(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise WrongAnswerError(f"{what}: {found} where {wanted} was expected")


def _check_csv(answer: Path, _request: Request, inputs: Inputs) -> str:
    stored = pq.read_table(inputs.by_organisation)
    read = pa_csv.read_csv(
        answer,
        convert_options=pa_csv.ConvertOptions(
            column_types={field.name: field.type for field in stored.schema},
            null_values=[""],
        ),
    )
    _same(read.column_names, stored.column_names, "the header")
    _same(read.num_rows, stored.num_rows, "the rows")
    for name in stored.column_names:
        column = stored[name]
        if pa.types.is_string(column.type):
            column = pc.fill_null(column, "")  # null and empty are both empty in CSV
        _same(read[name].equals(column), True, f"column {name} equals the stored one")
    return f"{read.num_rows:,} rows equal to the stored table"


def _check_again(server: Server, request: Request, answer: Path) -> None:
    again = answer.with_name("again")
    download(server, request, to=again)
    _same(_sha256(again), _sha256(answer), "the bytes of a second run")


def _check_coded(
    answer: Path,
    _request: Request,
    _inputs: Inputs,
    *,
    opened: Callable[[Path], AbstractContextManager[Any]],
) -> str:
    plain = answer.with_name("plain")
    _same(_sha256(answer, opened), _sha256(plain), "the decoded bytes' sha256")
    return f"decodes to the plain one's bytes, 1/{_ratio(plain, answer):.1f} of their size"


def _ratio(plain: Path, coded: Path) -> float:
    return plain.stat().st_size / coded.stat().st_size


def _check_json(answer: Path, _request: Request, inputs: Inputs, *, layout: str) -> str:
    _same(_json_sum(answer, layout), _table_sum(inputs.by_organisation), "count and sum of rows")
    return "the same rows, by count and sum of row hashes"


def _check_stored(answer: Path, _request: Request, inputs: Inputs) -> str:
    _same(_sha256(answer), _sha256(inputs.by_organisation), "the file's sha256")
    return "the file's own bytes"


def _check_arrow(answer: Path, _request: Request, inputs: Inputs) -> str:
    table = pq.read_table(inputs.by_organisation)
    with pa.OSFile(str(answer)) as source:
        streamed = pa.ipc.open_stream(source).read_all()
    _same(streamed.cast(table.schema).equals(table), True, "equals the stored table")
    return "equal to the stored table"


def _check_filtered(answer: Path, _request: Request, inputs: Inputs) -> str:
    table = pq.read_table(inputs.by_organisation)
    wanted = table.filter(pc.equal(table["quality"], "some"))
    filtered = pq.read_table(answer)
    _same(filtered.cast(table.schema).equals(wanted), True, "equals the rows that fit")
    return f"equal to the {wanted.num_rows:,} rows that fit"


def _check_lines(answer: Path, request: Request, _inputs: Inputs) -> str:
    rows = _lines(answer) - (0 if ".ndjson" in request.path else 1)
    _same(rows, request.rows, "its rows")
    return f"{rows:,} rows"


def _open_zstd(path: Path) -> pa.NativeFile:
    return pa.input_stream(str(path), compression="zstd")


def _sha256(path: Path, opened: Callable[[Path], AbstractContextManager[Any]] | None = None) -> str:
    digest = hashlib.sha256()
    with opened(path) if opened else path.open("rb") as source:
        while piece := source.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _lines(path: Path) -> int:
    with path.open("rb") as source:
        return sum(piece.count(b"\n") for piece in iter(lambda: source.read(PIECE), b""))


JSON_TYPES = {
    "entity": "bigint",
    "organisation-entity": "integer",
    "reference": "varchar",
    "name": "varchar",
    "quality": "varchar",
    "entry-date": "date",
    "start-date": "date",
    "point": "varchar",
    "area": "double",
    "notes": "varchar",
}
ROW_SUM = "select count(*), sum(hash(t)::hugeint) from"


def _json_sum(path: Path, layout: str) -> tuple[object, ...]:
    with duckdb.connect() as connection:
        rows = f"{ROW_SUM} read_json(?, format = ?, columns = {_struct(JSON_TYPES)}) t"
        return connection.execute(rows, [str(path), layout]).fetchone() or ()


def _struct(types: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in types.items()) + "}"


def _table_sum(path: Path) -> tuple[object, ...]:
    with duckdb.connect() as connection:
        return connection.execute(f"{ROW_SUM} read_parquet(?) t", [str(path)]).fetchone() or ()
