"""Generated tables, and Parquet files of them."""

import uuid
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any

import pyarrow as pa
from tests.flows.slices_fields import NAMES, UNITS, Field, Row, drawn_field


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A generated table, cut into the files that store it."""

    fields: tuple[Field, ...]
    rows: tuple[Row, ...]
    files: tuple[pa.Table, ...]
    group_rows: int

    @property
    def by_name(self) -> dict[str, Field]:
        """The columns by their names."""
        return {field.name: field for field in self.fields}


def generated(rng: Random) -> Table:
    """Draw a table of 1 to 8 columns and 0 to 60 rows, in 1 to 3 files."""
    names = rng.sample(NAMES, rng.choice((1, 2, 3, 4, 5, 6, 7, 8)))
    fields = tuple(drawn_field(rng, name) for name in names)
    shares = {field.name: rng.choice((0.0, 0.0, 0.1, 0.1, 0.3, 0.5, 1.0)) for field in fields}
    rows = tuple(
        {
            field.name: None if rng.random() < shares[field.name] else rng.choice(field.pool)
            for field in fields
        }
        for _ in range(rng.choice((0, 1, 3, 12, 20, 30, 40, 50, 60, 60)))
    )
    cuts = sorted(rng.randint(0, len(rows)) for _ in range(rng.choice((0, 0, 0, 1, 2))))
    edges = [0, *cuts, len(rows)]
    files = tuple(arrow_table(fields, rows[start:stop]) for start, stop in pairwise(edges))
    return Table(fields=fields, rows=rows, files=files, group_rows=rng.choice((1, 3, 7, 10, 1000)))


def arrow_table(fields: tuple[Field, ...], rows: tuple[Row, ...]) -> pa.Table:
    """Store rows as Arrow."""
    arrays = [arrow_array([row[field.name] for row in rows], field.stored) for field in fields]
    return pa.Table.from_arrays(arrays, names=[field.name for field in fields])


def arrow_array(values: list[Any], stored: pa.DataType) -> pa.Array:
    """Store plain values as an array of any type."""
    types = pa.types
    if types.is_timestamp(stored) or types.is_time(stored):
        unit = UNITS[stored.unit]
        width = pa.int32() if types.is_time32(stored) else pa.int64()
        counts = [None if value is None else value // unit for value in values]
        return pa.array(counts, width).view(stored)
    if isinstance(stored, pa.UuidType):
        return pa.array(
            [None if value is None else uuid.UUID(value).bytes for value in values], stored
        )
    if types.is_dictionary(stored):
        return pa.array(values, stored.value_type).dictionary_encode().cast(stored)
    return pa.array(values, stored)
