"""Backups: every table of a tenant's schema as Parquet files of its own, and a list of them.

The list is the result's dataset: one row for each file, with the statements that make its table
again. The files stand beside it. A table is one file, unless several readers read a large one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from penstock.exports.backup_files import (
    PlannedFile,
    counted,
    shares,
    split_tables,
    whole_tables,
)
from penstock.exports.parts import Stream, write_whole
from penstock.exports.postgres import Snapshot
from penstock.exports.result_writer import Checkpoint, ResultWriter
from penstock.exports.side_by_side import read_side_by_side
from penstock.exports.table_catalog import tables_of
from penstock.exports.table_files import store_table_files
from penstock.model.artifact import Artifact
from penstock.ports import RangeReaders
from penstock.reading.result_names import shown_name

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
"""The list's columns; `as-text` are those of a file that are stored as PostgreSQL writes them. A
`file` is named as the last part of its URL. What `definition`, `constraints` and `indexes` say of a
table stands with its first file alone: to run all of them once makes each table once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """A file as it was planned and as it is stored, and what is text there."""

    planned: PlannedFile
    file: Artifact | None = None
    as_text: tuple[str, ...] = ()

    def listed(self) -> dict[str, object]:
        """Give its row of the list."""
        file, table, is_first = self.file, self.planned.table, self.planned.is_first
        return {
            "schema": table.schema,
            "table": table.name,
            "rows": 0 if file is None else file.rows,
            "bytes": 0 if file is None else file.bytes,
            "file": None if file is None else shown_name(file.part),
            "sha256": None if file is None else file.sha256,
            "as-text": self.as_text,
            "sorted-by": table.key,
            "definition": table.definition if is_first else None,
            "constraints": table.constraints if is_first else (),
            "indexes": table.indexes if is_first else (),
        }


def make_backup(writer: ResultWriter) -> Checkpoint:
    """Store every table's rows as they are in one snapshot, and then the list of the files.

    A table's rows are in the order of its primary key. A column that an export can't hold as it is,
    for its type or for one of its values, is stored as PostgreSQL's text of it, and the list says
    so. Where there are several readers and many rows, tables are read side by side, and those that
    are larger than a part of a result in ranges, each of which is a file. Nothing is left to go on
    from before all of it is stored.

    Raises PermanentError where the database's user sees only some rows of a table, and what
    PostgresReader, `write_whole` and `read_side_by_side` raise.
    """
    with (
        writer.resources.databases.lend(writer.job.tenant) as reader,
        reader.snapshot() as snapshot,
    ):
        stored = _stored(writer, snapshot)
    return _listed(writer, stored)


def _stored(writer: ResultWriter, snapshot: Snapshot) -> list[_Stored]:
    readers, limits = writer.resources.range_readers, writer.resources.limits
    planned = whole_tables(tables_of(snapshot, cancelled=writer.attempt.is_over))
    if readers is None or readers.at_once == 1:
        return _one_by_one(writer, snapshot, planned)
    planned = counted(snapshot, planned)
    if sum(one.weight for one in planned) < 2 * limits.range_rows:
        return _one_by_one(writer, snapshot, planned)
    planned = split_tables(snapshot, planned, most_rows=limits.part_rows)
    return _beside(writer, snapshot, planned, readers)


def _one_by_one(
    writer: ResultWriter, snapshot: Snapshot, planned: Sequence[PlannedFile]
) -> list[_Stored]:
    total = sum(one.rows for one in planned)
    stored: list[_Stored] = []
    for one in planned:
        if one.file is None:
            stored.append(_Stored(planned=one))
            continue
        files = [each.file for each in stored if each.file is not None]
        rows, size = sum(file.rows for file in files), sum(file.bytes for file in files)

        def told(
            more: int,
            written: int,
            *,
            rows: int = rows,
            size: int = size,
            name: str = one.file.name,
        ) -> None:
            writer.attempt.progress(
                rows + more,
                total=max(total, rows + more),
                size_bytes=size + written,
                phase=f"reading {name}",
            )

        read = store_table_files(
            snapshot, writer.place, [one.file], cancelled=writer.attempt.is_over, told=told
        )
        stored.append(_Stored(planned=one, file=read.files[0], as_text=read.as_text[0]))
    return stored


def _beside(
    writer: ResultWriter, snapshot: Snapshot, planned: Sequence[PlannedFile], readers: RangeReaders
) -> list[_Stored]:
    divided = shares(
        planned, at_once=readers.at_once, least_rows=writer.resources.limits.range_rows
    )
    described = [
        {
            "snapshot": snapshot.name,
            "files": [file.described() for place in share if (file := planned[place].file)],
        }
        for share in divided
    ]
    total = sum(one.rows for one in planned)
    stored = [_Stored(planned=one) for one in planned]
    read = read_side_by_side(writer, snapshot, described, readers, total=total)
    for share, one in zip(divided, read, strict=True):
        for place, written, as_text in zip(share, one.files, one.as_text, strict=True):
            stored[place] = _Stored(planned=planned[place], file=written, as_text=as_text)
    return stored


def _listed(writer: ResultWriter, stored: Sequence[_Stored]) -> Checkpoint:
    listed = pa.RecordBatch.from_pylist([one.listed() for one in stored], schema=LIST)
    files = tuple(one.file for one in stored if one.file is not None)
    rows = sum(file.rows for file in files)
    size = sum(file.bytes for file in files)

    def told(_: int, written: int) -> None:
        writer.attempt.progress(rows, total=rows, size_bytes=size + written, phase="listing tables")

    part = write_whole(writer.place, writer.place.part(0), Stream(batches=[listed]), told=told)
    return Checkpoint(parts=(part,), files=files, is_read=True)
