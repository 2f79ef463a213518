"""Backups: every table of a tenant's schema as a Parquet file of its own, and a list of them.

The list is the result's dataset: one row for each table, with its file and the statements that make
such a table again. The files stand beside it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from penstock.errors import PermanentError
from penstock.exports.catalogue import Table, tables_of
from penstock.exports.making import Making, Reached
from penstock.exports.parts import Stream, Told, write_whole
from penstock.exports.postgres import Snapshot, TableQuery
from penstock.exports.ranges import table_stream
from penstock.model.job import Artifact
from penstock.reading.exported import shown_name

_TEXTS = pa.list_(pa.string())
LIST = pa.schema(
    {
        "schema": pa.string(),
        "table": pa.string(),
        "rows": pa.int64(),
        "bytes": pa.int64(),
        "file": pa.string(),
        "sha256": pa.string(),
        "as-text": _TEXTS,
        "sorted-by": _TEXTS,
        "definition": pa.string(),
        "constraints": _TEXTS,
        "indexes": _TEXTS,
    }
)
"""The list's columns; `as-text` are those of a table that are stored as PostgreSQL writes them. A
`file` is named as the last part of its URL."""

_LONGEST_NAME = 80
_UNFIT = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """A table, its file (None for a table that has no columns), and what is text there."""

    table: Table
    file: Artifact | None
    as_text: tuple[str, ...]

    def listed(self) -> dict[str, object]:
        """Give its row of the list."""
        file = self.file
        return {
            "schema": self.table.schema,
            "table": self.table.name,
            "rows": 0 if file is None else file.rows,
            "bytes": 0 if file is None else file.bytes,
            "file": None if file is None else shown_name(file.part),
            "sha256": None if file is None else file.sha256,
            "as-text": self.as_text,
            "sorted-by": self.table.key,
            "definition": self.table.definition,
            "constraints": self.table.constraints,
            "indexes": self.table.indexes,
        }


def make_backup(making: Making) -> Reached:
    """Store every table's rows as they are in one snapshot, and then the list of the tables.

    A table's rows are in the order of its primary key. A column that an export can't hold as it is,
    for its type or for one of its values, is stored as PostgreSQL's text of it, and the list says
    so. Nothing is left to go on from before all of it is stored.

    Raises PermanentError where the database's user sees only some rows of a table, and what
    PostgresReader and `write_whole` raise.
    """
    attempt = making.attempt
    with (
        making.sources.databases.lend(making.job.tenant) as reader,
        reader.snapshot() as snapshot,
    ):
        tables = tables_of(snapshot, cancelled=attempt.is_over)
        total = sum(table.guessed_rows for table in tables)
        stored: list[_Stored] = []
        for table, name in zip(tables, _file_names(tables), strict=True):
            files = [one.file for one in stored if one.file is not None]
            rows, size = sum(one.rows for one in files), sum(one.bytes for one in files)

            def told(
                more: int, written: int, *, rows: int = rows, size: int = size, name: str = name
            ) -> None:
                attempt.progress(
                    rows + more,
                    total=max(total, rows + more),
                    size_bytes=size + written,
                    phase=f"reading {name}",
                )

            stored.append(_store(making, snapshot, table, name, told))
    return _listed(making, stored)


def _store(making: Making, snapshot: Snapshot, table: Table, name: str, told: Told) -> _Stored:
    as_text: list[str] = []
    file_name = making.place.file("parquet", name=name)
    while table.columns:
        query = _query(table, as_text)
        stream = table_stream(snapshot, query, cancelled=making.attempt.is_over)
        try:
            file = write_whole(making.place, file_name, stream, told=told)
        except PermanentError as error:
            column = error.facts.get("column")
            if not isinstance(column, str) or column in as_text or column not in table.columns:
                raise
            as_text.append(column)
            continue
        return _Stored(table=table, file=file, as_text=tuple(as_text))
    return _Stored(table=table, file=None, as_text=())


def _query(table: Table, as_text: Sequence[str]) -> TableQuery:
    columns = ", ".join(
        f"{_quoted(name)}::text AS {_quoted(name)}" if name in as_text else _quoted(name)
        for name in table.columns
    )
    place = table.place.replace("%", "%%")
    return TableQuery(sql=f"SELECT {columns} FROM {place}", sort=table.key)


def _listed(making: Making, stored: Sequence[_Stored]) -> Reached:
    listed = pa.RecordBatch.from_pylist([one.listed() for one in stored], schema=LIST)
    files = tuple(one.file for one in stored if one.file is not None)
    rows = sum(file.rows for file in files)
    size = sum(file.bytes for file in files)

    def told(_: int, written: int) -> None:
        making.attempt.progress(rows, total=rows, size_bytes=size + written, phase="listing tables")

    part = write_whole(making.place, making.place.part(0), Stream(batches=[listed]), told=told)
    return Reached(parts=(part,), files=files, is_read=True)


def _file_names(tables: Sequence[Table]) -> list[str]:
    """Name each table's file after it, in characters that every file system takes."""
    taken: set[str] = set()
    names = []
    for table in tables:
        whole = table.name if table.is_main else f"{table.schema}-{table.name}"
        stem = _UNFIT.sub("-", whole)[:_LONGEST_NAME]
        name, number = stem, 2
        # Many file systems know one of `Name` and `name`.
        while name.lower() in taken:
            name, number = f"{stem}-{number}", number + 1
        taken.add(name.lower())
        names.append(name)
    return names


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'
