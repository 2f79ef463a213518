"""Real parts of the reading layer over files that a test makes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from penstock.model.dataset import DataFile, Dataset
from penstock.reading.describe import describe_file
from penstock.reading.engine import Allowance, Engine, ObjectStore
from penstock.reading.reader import Reader
from penstock.reading.slots import ScanSlots
from penstock.reading.workers import Workers


@contextmanager
def reader_over(
    root: Path,
    *,
    slots: int = 8,
    batch_rows: int = 100,
    memory_bytes: int = 160_000_000,
    spill_bytes: int = 1_000_000_000,
    is_stored: Callable[[Dataset], bool] = lambda _: True,
    object_store: ObjectStore | None = None,
) -> Iterator[Reader]:
    """A reader that may read below a folder, and in an object store."""
    spill = root / "spill"
    spill.mkdir(exist_ok=True)
    engine = Engine(
        roots=[root],
        spill_dir=spill,
        memory_bytes=memory_bytes,
        threads=2,
        queries=2,
        spill_bytes=spill_bytes,
        object_store=object_store,
    )
    workers = Workers(threads=2)
    try:
        yield Reader(
            engine=engine,
            slots=ScanSlots(slots=slots, queue=4, wait_seconds=0.3),
            workers=workers,
            is_stored=is_stored,
            batch_rows=batch_rows,
        )
    finally:
        workers.close()
        engine.close()


def dataset_of(
    reader: Reader, root: Path, *tables: pa.Table, name: str = "things", group_rows: int = 1000
) -> Dataset:
    """A dataset of one file for each table."""
    files = []
    for number, table in enumerate(tables):
        path = root / f"{name}-{number}.parquet"
        pq.write_table(table, path, row_group_size=group_rows)
        columns, groups = describe_file(reader.engine, dataset=name, location=str(path))
        files.append(
            DataFile(location=str(path), size_bytes=path.stat().st_size, row_groups=groups)
        )
    return Dataset(
        tenant="acme",
        name=name,
        version="v1",
        modified=datetime(2024, 5, 1, tzinfo=UTC),
        private=False,
        columns=columns,
        files=tuple(files),
    )


def minute() -> Allowance:
    """More time than any test needs."""
    return Allowance(seconds=60)
