"""Describing a stored file: its columns and its row groups, from its footer."""

import pyarrow as pa
import pyarrow.parquet as pq

from penstock.errors import DatasetDamagedError
from penstock.model.dataset import Column, RowGroup
from penstock.reading.engine import Engine

PLACE = "file_row_number"
"""The engine's own name for a row's place in its file: no stored column may have it."""


def describe_file(
    engine: Engine, *, dataset: str, location: str
) -> tuple[tuple[Column, ...], tuple[RowGroup, ...]]:
    """Give a Parquet file's columns and row groups; no row is read.

    Raises DatasetDamagedError if the footer can't be read, or has a column that clashes with the
    engine's own names.
    """
    read = engine.columns([location], dataset=dataset)
    try:
        with pq.ParquetFile(location) as file:
            footer = file.metadata
            names = file.schema_arrow.names
            groups = tuple(
                RowGroup(
                    rows=footer.row_group(index).num_rows,
                    decoded_bytes=footer.row_group(index).total_byte_size,
                )
                for index in range(footer.num_row_groups)
            )
    except (pa.ArrowException, OSError) as error:
        reason = str(error).split("\n", 1)[0]
        raise DatasetDamagedError(dataset, reason=reason) from error
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
        tuple(
            Column(name=name, kind=column.kind, type_name=column.type_name, source=column.name)
            for name, column in zip(names, read, strict=True)
        ),
        groups,
    )
