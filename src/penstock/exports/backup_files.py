"""Backup files: which files the tables of a backup become, and which of them are read together."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from penstock.errors import PermanentError
from penstock.exports.postgres import Snapshot, TableQuery
from penstock.exports.ranges import MOST_RANGES, RANGES_A_READER, split
from penstock.exports.table_catalog import Table
from penstock.exports.table_files import TableFile, columns_as_text

_LONGEST_NAME = 80
_UNFIT = re.compile(r"[^A-Za-z0-9_-]")
_FILE_ROWS = 2_000
"""What a file costs beside its rows, in rows: queries of its own, and a request to the store."""
_MOST_FILES = 1_000
"""Of one share: an answer says something of each, and is to stay small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFile:
    """One file of a backup, of which table it is, and about how many rows it has."""

    table: Table
    file: TableFile | None
    """None for a table that has no columns."""
    rows: int
    is_first: bool = True
    """Whether it is the table's first file."""

    @property
    def weight(self) -> int:
        """What it is to read it, in rows."""
        return 0 if self.file is None else self.rows + _FILE_ROWS


def whole_tables(tables: Sequence[Table]) -> list[PlannedFile]:
    """Plan one file for each table, with as many rows as the database guesses."""
    taken: set[str] = set()
    return [
        PlannedFile(
            table=table,
            file=_whole(table, _names_of(table, 1, taken)[0]) if table.columns else None,
            rows=table.guessed_rows,
        )
        for table in tables
    ]


def counted(snapshot: Snapshot, planned: Sequence[PlannedFile]) -> list[PlannedFile]:
    """Have rows counted as `Snapshot.count` does: what the catalogue guesses may be of long ago."""
    return [
        one if one.file is None else replace(one, rows=snapshot.count(one.file.query(())))
        for one in planned
    ]


def split_tables(
    snapshot: Snapshot, planned: Sequence[PlannedFile], *, most_rows: int
) -> list[PlannedFile]:
    """Plan several files for each table of more than `most_rows`, where its key can be split.

    They are ranges of the first column of its primary key, in order. Their names are others than
    that of the whole table: nobody takes one of them for all. Raises what `Snapshot.ranges` raises.
    """
    taken = {one.file.name.lower() for one in planned if one.file is not None}
    made: list[PlannedFile] = []
    for one in planned:
        n = min(MOST_RANGES, -(-one.rows // most_rows))
        ranges = [] if one.file is None or n <= 1 else _ranges(snapshot, one.file, n)
        if len(ranges) <= 1:
            made.append(one)
            continue
        names = _names_of(one.table, len(ranges), taken)
        made += [
            PlannedFile(
                table=one.table,
                file=replace(file, name=name),
                rows=one.rows // len(ranges),
                is_first=number == 0,
            )
            for number, (file, name) in enumerate(zip(ranges, names, strict=True))
        ]
    return made


def shares(planned: Sequence[PlannedFile], *, at_once: int, least_rows: int) -> list[list[int]]:
    """Divide files among readers: lists of their places in `planned`, the heaviest list first.

    Small ones are together, so that a reader isn't begun for each; a large one is alone.
    """
    weights = {place: one.weight for place, one in enumerate(planned) if one.file is not None}
    wanted = max(least_rows, sum(weights.values()) // (at_once * RANGES_A_READER))
    found: list[list[int]] = []
    weight = 0
    for place, more in weights.items():
        if not found or weight + more > wanted or len(found[-1]) == _MOST_FILES:
            found.append([])
            weight = 0
        found[-1].append(place)
        weight += more
    return sorted(found, key=lambda share: sum(weights[place] for place in share), reverse=True)


def _whole(table: Table, name: str) -> TableFile:
    return TableFile(
        name=name, source=table.place.replace("%", "%%"), columns=table.columns, sort=table.key
    )


def _ranges(snapshot: Snapshot, whole: TableFile, n: int) -> list[TableFile]:
    """Split a table into ranges; none where it has no primary key that can be split."""
    as_text = columns_as_text(snapshot, whole)
    if not whole.sort or whole.sort[0] in as_text:
        return []
    query: TableQuery = whole.query(as_text)
    try:
        ranges = split(snapshot, query, n=n)
    except PermanentError as error:
        if error.facts.get("column") == whole.sort[0]:
            return []
        raise
    return [
        replace(
            whole,
            source=f"(\n{one.query.sql}\n) AS t",
            parameters=one.query.parameters,
            as_text=as_text,
        )
        for one in ranges
    ]


def _names_of(table: Table, count: int, taken: set[str]) -> list[str]:
    """Name a table's files after it, in characters that every file system takes."""
    whole = table.name if table.is_main else f"{table.schema}-{table.name}"
    stem = _UNFIT.sub("-", whole)[:_LONGEST_NAME]
    base, number = stem, 2
    while True:
        names = (
            [base]
            if count == 1
            else [f"{base}-{place}-of-{count}" for place in range(1, count + 1)]
        )
        # Many file systems know one of `Name` and `name`.
        if taken.isdisjoint(name.lower() for name in names):
            taken.update(name.lower() for name in names)
            return names
        base, number = f"{stem}-{number}", number + 1
