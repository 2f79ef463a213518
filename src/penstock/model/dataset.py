"""A dataset: one immutable version of a tenant's table, its columns and its files."""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal, Self

ColumnKind = Literal[
    "text",
    "integer",
    "decimal",
    "float",
    "boolean",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "uuid",
    "binary",
    "interval",
    "nested",
]
"""What a value means to the grammar: which operators fit and how a value is written."""

DurationUnit = Literal["s", "ms", "us", "ns"]

RESERVED_NAMES = frozenset({"v1", "jobs", "imports", "exports", "exchanges", "static"})
"""Paths of the service's own: no dataset may take them."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column as the engine reads it.

    `type_name` is the engine's SQL type (`BIGINT`, `DECIMAL(10,2)`, `STRUCT(a INTEGER)`): it comes
    from the stored schema and never from a client, so it may stand in SQL. `source` is what the
    engine calls the column: names that differ in case alone are not distinct to it.
    """

    name: str
    kind: ColumnKind
    type_name: str
    source: str = ""
    duration_unit: DurationUnit | None = None
    """Set where durations (`INTERVAL`) are stored as whole numbers of this unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowGroup:
    """One row group: the unit in which a file is read.

    `decoded_bytes` is Parquet's `total_byte_size`: uncompressed, still encoded.
    """

    rows: int
    decoded_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """One stored Parquet file; `location` is a path or an object's URL, for the engine alone."""

    location: str
    size_bytes: int
    row_groups: tuple[RowGroup, ...]
    identity: str = ""
    """What tells this content from another at the same place, for the adapter that made it."""

    @property
    def rows(self) -> int:
        """Rows of the file, from its footer."""
        return sum(group.rows for group in self.row_groups)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One version of a tenant's table: reading it twice gives the same rows in the same order."""

    tenant: str
    name: str
    version: str
    """Opaque, `[A-Za-z0-9_-]`: another content has another version."""
    modified: datetime
    private: bool
    columns: tuple[Column, ...]
    files: tuple[DataFile, ...]
    owner: str | None = None
    """Who alone may have it, beside the tenant's admins and whoever has a signed URL: the user of
    the job that made it. None for what is not one user's."""

    @cached_property
    def rows(self) -> int:
        """Rows of all files, from their footers."""
        return sum(file.rows for file in self.files)

    @cached_property
    def size_bytes(self) -> int:
        """Stored bytes of all files."""
        return sum(file.size_bytes for file in self.files)

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """The columns by their exact names."""
        return {column.name: column for column in self.columns}


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetEntry:
    """What a list of datasets says of one: cheap, from the footer; `problem` says why it can't."""

    name: str
    version: str
    modified: datetime
    private: bool
    rows: int
    size_bytes: int
    problem: str | None = None

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """List a dataset that can be served."""
        return cls(
            name=dataset.name,
            version=dataset.version,
            modified=dataset.modified,
            private=dataset.private,
            rows=dataset.rows,
            size_bytes=dataset.size_bytes,
        )


def is_dataset_name(name: str) -> bool:
    """Whether a dataset may have this name (1 to 100 of `A-Za-z0-9_-`, not reserved)."""
    return _NAME.fullmatch(name) is not None and name not in RESERVED_NAMES


def name_of_file(file_name: str) -> str:
    """Name a file's dataset: its last extension dropped, every other character turned into `-`.

    The result may still fail `is_dataset_name`: too long, reserved, or beginning with `-` or `_`.
    """
    stem = file_name.rsplit(".", 1)[0] if "." in file_name[1:] else file_name
    return re.sub(r"[^A-Za-z0-9_-]", "-", stem)
