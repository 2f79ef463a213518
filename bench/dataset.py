"""The measured dataset: the same rows on every machine, sorted by organisation and shuffled."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

FULL_ROWS = 2_000_000
QUICK_ROWS = 200_000
ORGANISATIONS = 400
ROW_GROUP_ROWS = 100_000
PAGE_BYTES = 65_536
"""Of data and of dictionaries, as Penstock writes its datasets."""
RECIPE = 2
"""Part of the files' names, raised whenever the files change: no stale file is measured."""

SCHEMA = pa.schema(
    [
        ("entity", pa.int64()),
        ("organisation-entity", pa.int32()),
        ("reference", pa.string()),
        ("name", pa.string()),
        ("quality", pa.string()),
        ("entry-date", pa.date32()),
        ("start-date", pa.date32()),
        ("point", pa.string()),
        ("area", pa.float64()),
        ("notes", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The two files that are measured, side by side in one folder and nothing else in it."""

    folder: Path
    by_organisation: Path
    shuffled: Path
    rows: int
    rows_an_organisation: int


def make(work: Path, *, rows: int) -> Inputs:
    """Write both files into `work`, or take those that an earlier run wrote there.

    Row order: `by-organisation` by `organisation-entity`, `shuffled` the same rows in a fixed
    random order. Holds one row group of 100,000 rows in memory. The rows depend on nothing but
    `rows`; the files also on pyarrow's version.
    """
    folder = work / f"rows-{rows}-recipe-{RECIPE}"
    folder.mkdir(parents=True, exist_ok=True)
    inputs = Inputs(
        folder=folder,
        by_organisation=folder / "by-organisation.parquet",
        shuffled=folder / "shuffled.parquet",
        rows=rows,
        rows_an_organisation=rows // ORGANISATIONS,
    )
    in_order = np.arange(rows, dtype=np.uint64)
    for path, order in (
        (inputs.by_organisation, in_order),
        (inputs.shuffled, np.argsort(_random(in_order, stream=99), kind="stable")),
    ):
        if not path.exists():
            _write(path, order.astype(np.uint64), rows=rows)
    return inputs


def make_sorted(work: Path, *, rows: int) -> Path:
    """Write only the file `by-organisation` of so many rows, otherwise as `make`; gives it."""
    folder = work / f"rows-{rows}-recipe-{RECIPE}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "by-organisation.parquet"
    if not path.exists():
        _write(path, np.arange(rows, dtype=np.uint64), rows=rows)
    return path


def _write(path: Path, order: np.ndarray, *, rows: int) -> None:
    unfinished = path.with_suffix(".unfinished")
    with pq.ParquetWriter(
        unfinished,
        SCHEMA,
        compression="zstd",
        write_page_index=True,
        data_page_size=PAGE_BYTES,
        dictionary_pagesize_limit=PAGE_BYTES,
    ) as writer:
        for batch in _row_groups(order, rows=rows):
            writer.write_table(batch, row_group_size=ROW_GROUP_ROWS)
    unfinished.rename(path)


def _row_groups(order: np.ndarray, *, rows: int) -> Iterator[pa.Table]:
    for start in range(0, len(order), ROW_GROUP_ROWS):
        yield _rows(order[start : start + ROW_GROUP_ROWS], rows=rows)


def _rows(i: np.ndarray, *, rows: int) -> pa.Table:
    """Give the rows with these numbers: every value is a function of its row's number alone."""

    def draw(stream: int, below: int) -> np.ndarray:
        return _random(i, stream=stream) % np.uint64(below)

    number, place, quoted = draw(0, 1_000_000), draw(1, 90_000), draw(2, 20) == 0
    plain_name = _joined("Conservation area of ", place, " Market Street")
    quoted_name = _joined('The "Old" Quarter, ', draw(3, 9_000))
    qualities = pa.array(["authoritative", "some", ""])
    has_start, has_notes = draw(4, 3) == 0, draw(5, 2) == 0
    notes = _joined(
        "Designated under section ", draw(6, 90), " of the act; reviewed by officer ",
        draw(7, 900_000), ", adopted at committee",
    )  # fmt: skip
    return pa.table(
        [
            pa.array((i + np.uint64(44_000_000)).astype(np.int64)),
            pa.array((i * np.uint64(ORGANISATIONS) // np.uint64(rows)).astype(np.int32)),
            _joined("CA", _padded(number, 8)),
            pc.if_else(pa.array(quoted), quoted_name, plain_name),
            qualities.take(pa.array(draw(8, 3).astype(np.int64))),
            _days(draw(9, 9_000), since=10_957),
            pc.if_else(pa.array(has_start), _days(draw(10, 18_000), since=0), None),
            _points(draw(11, 8_000_000), draw(12, 6_000_000)),
            pa.array(draw(13, 100_000_000).astype(np.float64) / 1000),
            pc.if_else(pa.array(has_notes), notes, None),
        ],
        schema=SCHEMA,
    )


def _random(i: np.ndarray, *, stream: int) -> np.ndarray:
    """Mix row numbers into 64 random bits (splitmix64), the same in every version of numpy."""
    with np.errstate(over="ignore"):
        z = (i + np.uint64(stream + 1) * np.uint64(1 << 32)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def _joined(*parts: str | np.ndarray | pa.Array) -> pa.Array:
    columns = [
        pa.array(part).cast(pa.string()) if isinstance(part, np.ndarray) else part for part in parts
    ]
    return pc.binary_join_element_wise(*columns, "")


def _padded(number: np.ndarray, width: int) -> pa.Array:
    return pc.utf8_lpad(pa.array(number).cast(pa.string()), width, "0")


def _days(number: np.ndarray, *, since: int) -> pa.Array:
    return pa.array((number + np.uint64(since)).astype(np.int32)).cast(pa.date32())


def _points(east: np.ndarray, north: np.ndarray) -> pa.Array:
    """Make WKT points between 6° west and 2° east, 50° and 56° north, in millionths."""
    longitude = east.astype(np.int64) - 6_000_000
    sign = pc.if_else(pa.array(longitude < 0), "-", "")
    size = np.abs(longitude).astype(np.uint64)
    millionth = np.uint64(1_000_000)
    return _joined(
        "POINT (", sign, size // millionth, ".", _padded(size % millionth, 6), " ",
        north // millionth + np.uint64(50), ".", _padded(north % millionth, 6), ")",
    )  # fmt: skip
