"""Ranges: a large table read by several readers, each of which takes a range of its key.

All of them see one snapshot, which somebody holds for as long as they read. Their parts, joined in
the order of the ranges, are the table in its order.
"""

import base64
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from penstock.exports.job_folder import JobFolder
from penstock.exports.limits import ExportLimits
from penstock.exports.parts import OnProgress, Stream, write_parts
from penstock.exports.postgres import Snapshot, TableQuery
from penstock.model.artifact import Artifact

_PARTS = 1000
"""Numbers of parts that each range has for itself."""
MOST_RANGES = 100
MAX_LIST_BYTES = 16 << 20
"""What a list of all ranges may take as JSON: each has a query and its values."""
RANGES_A_READER = 4
"""They are never of quite the same weight."""
_RANGE_ROWS = 500_000
"""A long export is seen to move by the ranges that are done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRange:
    """One range of a table: what a reader in any process needs to know of it."""

    number: int
    """Counts the ranges in the order of the key, from 0."""
    snapshot: str
    """What its reader joins (PostgresReader.join)."""
    query: TableQuery

    def described(self) -> dict[str, Any]:
        """Say it in what JSON holds; `range_of` reads that back."""
        return {
            "number": self.number,
            "snapshot": self.snapshot,
            "sql": self.query.sql,
            "parameters": described_values(self.query.parameters),
            "sort": list(self.query.sort),
        }


def range_of(described: Mapping[str, Any]) -> TableRange:
    """Read a range from what `described` made of it."""
    return TableRange(
        number=described["number"],
        snapshot=described["snapshot"],
        query=TableQuery(
            sql=described["sql"],
            parameters=values_of(described["parameters"]),
            sort=tuple(described["sort"]),
        ),
    )


def table_stream(snapshot: Snapshot, query: TableQuery, *, cancelled: Callable[[], bool]) -> Stream:
    """Give a query's rows as a stream, which ends its query on the server when it is left.

    Raises nothing; its batches raise what `Snapshot.read` raises.
    """
    is_left = threading.Event()

    def ended() -> bool:
        return is_left.is_set() or cancelled()

    return Stream(batches=snapshot.read(query, cancelled=ended), end=is_left.set)


def how_many(rows: int, *, at_once: int, least_rows: int) -> int:
    """Tell into how many ranges to split so many rows for readers of which so many read at once.

    1 where it isn't worth it: no range has less than about `least_rows`.
    """
    if at_once == 1:
        return 1
    wanted = max(at_once * RANGES_A_READER, rows // _RANGE_ROWS)
    return max(1, min(MOST_RANGES, wanted, rows // least_rows))


def split(snapshot: Snapshot, query: TableQuery, *, n: int) -> list[TableRange]:
    """Split a table into 1 to `n` ranges of about equally many rows, in the order of its key.

    The key is the first column that the query is sorted by. Raises what `Snapshot.ranges` raises.
    """
    queries = snapshot.ranges(query, query.sort[0], min(n, MOST_RANGES))
    return [
        TableRange(number=number, snapshot=snapshot.name, query=one)
        for number, one in enumerate(queries)
    ]


def read_range(
    snapshot: Snapshot,
    place: JobFolder,
    wanted: TableRange,
    *,
    limits: ExportLimits,
    cancelled: Callable[[], bool],
    told: OnProgress,
) -> tuple[Artifact, ...]:
    """Store a range's rows as parts, in order; the first range has one also where it has no rows.

    Reading a range again stores the same rows under the same names. Raises what `Snapshot.read` and
    `write_parts` raise.
    """
    stored = write_parts(
        place,
        table_stream(snapshot, wanted.query, cancelled=cancelled),
        limits=limits,
        told=told,
        first=wanted.number * _PARTS,
        may_be_none=wanted.number > 0,
    )
    with closing(stored):
        return tuple(part for part, _ in stored)


def joined(ranges: Sequence[tuple[Artifact, ...]]) -> tuple[Artifact, ...]:
    """Give the parts of all ranges, which are in the order of their numbers, as the result's."""
    return tuple(part for parts in ranges for part in parts)


def described_values(values: Sequence[object]) -> list[tuple[str, Any]]:
    """Say values that are bound into a query in what JSON holds; `values_of` reads that back.

    Raises TypeError for what no query binds.
    """
    return [_written(value) for value in values]


def values_of(described: Sequence[tuple[str, Any]]) -> tuple[object, ...]:
    """Read values from what `described_values` made of them."""
    return tuple(_read(*value) for value in described)


def _written(value: object) -> tuple[str, Any]:
    match value:
        case None | bool() | int() | float() | str():
            return "json", value
        case Decimal() | UUID():
            return type(value).__name__, str(value)
        case datetime() | date() | time():
            return type(value).__name__, value.isoformat()
        case bytes():
            return "bytes", base64.b64encode(value).decode()
        case _:
            raise TypeError(f"{type(value).__name__} can't be bound into a query")


_READERS: Mapping[str, Callable[[Any], object]] = {
    "json": lambda value: value,
    "Decimal": Decimal,
    "UUID": UUID,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "bytes": base64.b64decode,
}


def _read(kind: str, value: object) -> object:
    return _READERS[kind](value)
