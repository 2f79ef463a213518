"""Describing a stored file: its columns and its row groups, from its footer."""

from collections.abc import Callable
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from penstock.errors import DatasetDamagedError
from penstock.model.dataset import Column, RowGroup
from penstock.reading.engine import Engine
from penstock.reading.exactness import duration_unit, refuse_inexact
from penstock.reading.stored_file import Description

PLACE = "file_row_number"
"""The engine's own name for a row's place in its file: no stored column may have it."""


def describe_file(
    engine: Engine,
    *,
    dataset: str,
    location: str,
    opened: Callable[[], BinaryIO] | None = None,
) -> Description:
    """Give a Parquet file's columns and row groups; rows are read only of columns in doubt.

    `opened` opens what is no file of this machine, each time anew, and is what its reads raise.

    Raises DatasetDamagedError if the footer can't be read, or has a column that clashes with the
    engine's own names, and UnreadableColumnError if the engine would read a column inexactly.
    """
    read = engine.columns([location], dataset=dataset)

    def parquet(**options: str) -> pq.ParquetFile:
        return pq.ParquetFile(location if opened is None else opened(), **options)

    try:
        with parquet() as file:
            footer = file.metadata
            schema = file.schema_arrow
            engine.weigh(location, chunks=footer.num_columns * footer.num_row_groups)
            groups = tuple(
                RowGroup(
                    rows=footer.row_group(index).num_rows,
                    decoded_bytes=footer.row_group(index).total_byte_size,
                )
                for index in range(footer.num_row_groups)
            )
            refuse_inexact(file, dataset=dataset, again=parquet)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).split("\n", 1)[0]
        raise DatasetDamagedError(dataset, reason=reason) from error
    names = schema.names
    if len(names) != len(read):
        raise DatasetDamagedError(dataset, reason="its schema is read in two different ways")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DatasetDamagedError(dataset, reason=f"it has two columns named “{twice}”")
    if PLACE in (name.lower() for name in names):
        raise DatasetDamagedError(
            dataset, reason=f"a column may not be named {PLACE}: rename it in the file"
        )
    # The engine renames what differs in case alone (`name`, `Name` → `Name_1`): places decide.
    return (
        tuple(_column(field, column) for field, column in zip(schema, read, strict=True)),
        groups,
    )


def _column(stored: pa.Field, read: Column) -> Column:
    unit = duration_unit(stored.type)
    return Column(
        name=stored.name,
        kind="interval" if unit else read.kind,
        type_name="INTERVAL" if unit else read.type_name,
        source=read.name,
        duration_unit=unit,
    )
