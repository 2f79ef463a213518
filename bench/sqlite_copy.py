"""The same rows in SQLite, for the peer that reads nothing else."""

import sqlite3
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

TENTH = 10
INSERT_ROWS = 50_000


def copy(source: Path, target: Path) -> Path:
    """Copy a Parquet file into tables `rows` (all of it) and `tenth` (its first tenth of rows).

    `rows` has an index on `organisation-entity`. An existing target is taken as it is.
    """
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    file = pq.ParquetFile(source)
    columns = ", ".join(f'"{field.name}" {_affinity(field.type)}' for field in file.schema_arrow)
    slots = ", ".join("?" * len(file.schema_arrow.names))
    database = sqlite3.connect(unfinished)
    try:
        with database:
            database.execute(f"create table rows ({columns})")
            for batch in file.iter_batches(INSERT_ROWS):
                database.executemany(f"insert into rows values ({slots})", _tuples(batch))
            database.execute('create index by_organisation on rows ("organisation-entity")')
            tenth = file.metadata.num_rows // TENTH
            database.execute(f"create table tenth as select * from rows where rowid <= {tenth}")
    finally:
        database.close()
    unfinished.rename(target)
    return target


def _affinity(kind: pa.DataType) -> str:
    if pa.types.is_integer(kind):
        return "integer"
    return "real" if pa.types.is_floating(kind) else "text"


def _tuples(batch: pa.RecordBatch) -> list[tuple[object, ...]]:
    columns = [
        pc.cast(column, pa.string()) if pa.types.is_date(column.type) else column
        for column in batch.columns
    ]
    return list(zip(*(column.to_pylist() for column in columns), strict=True))
