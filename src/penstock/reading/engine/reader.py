"""The reader: one locked-down DuckDB that runs SQL over the stores' Parquet files."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa

from penstock.model.dataset import Column
from penstock.reading.engine.allowance import Allowance, Watch
from penstock.reading.engine.database import Database
from penstock.reading.engine.failures import VENDOR_ERRORS, translated
from penstock.reading.engine.generations import Generations
from penstock.reading.engine.kinds import kind_of
from penstock.reading.engine.object_store import ObjectStore
from penstock.reading.engine.quick_reads import MEMORY_BYTES, QuickReads


class Engine:
    """A DuckDB in memory that can read below `roots` and nowhere else, and is never reconfigured.

    With an `object_store`, objects below its prefixes can be read as well, each as the one content
    that its location names (reading/objects.py): a read of another content fails, whenever it is
    noticed. What is known of them is kept beside `memory_bytes`, up to about 54 MB, and ranges of
    those of which little is read up to 16 MB.

    Thread-safe: each query runs on a connection of its own; `queries` of them are kept ready, and
    more are made when they are needed. Memory is bounded by `memory_bytes` for all
    queries together; sorts and groups spill into `spill_dir` up to `spill_bytes`.

    Raises SetupError if an object store is given and its extension isn't installed.
    """

    def __init__(
        self,
        *,
        roots: Sequence[Path],
        spill_dir: Path,
        memory_bytes: int,
        threads: int,
        queries: int,
        spill_bytes: int,
        object_store: ObjectStore | None = None,
    ) -> None:
        self._spill_bytes = spill_bytes

        def make(number: int) -> Database:
            return Database(
                roots=roots,
                # Two databases would write over each other's files.
                spill_dir=spill_dir / f"engine-{number}",
                memory_bytes=memory_bytes,
                threads=threads,
                queries=queries,
                spill_bytes=spill_bytes,
                object_store=object_store,
            )

        def make_quick(number: int) -> Database:
            return Database(
                roots=[],
                spill_dir=spill_dir / f"quick-{number}",
                memory_bytes=MEMORY_BYTES,
                threads=threads,
                queries=queries,
                spill_bytes=0,
                object_store=object_store,
                keeps_ranges=True,
            )

        self._databases = Generations(make)
        self.quick = QuickReads(make_quick)
        self._watch = Watch()

    def columns(self, locations: Sequence[str], *, dataset: str) -> tuple[Column, ...]:
        """Give the columns of files of one schema, as the engine names and types them.

        Raises DatasetDamagedError if a file can't be read, and DatasetChangedError and BusyError if
        it is an object that has another content, or is out of reach.
        """
        with self._databases.lent(locations) as database, database.connections.aside() as cursor:
            database.allow(locations)
            try:
                described = cursor.execute(
                    "DESCRIBE SELECT * FROM read_parquet(?, hive_partitioning = false)",
                    [list(locations)],
                ).fetchall()
            except VENDOR_ERRORS as error:
                raise translated(error, dataset=dataset, spill_bytes=self._spill_bytes) from error
        return tuple(
            Column(name=name, kind=kind_of(type_name), type_name=type_name)
            for name, type_name, *_ in described
        )

    def weigh(self, location: str, *, chunks: int) -> None:
        """Tell how many column chunks a file has: what the engine keeps of an object weighs so."""
        self._databases.weigh(location, chunks=chunks)

    def rows(
        self,
        sql: str,
        parameters: Sequence[object],
        *,
        dataset: str,
        batch_rows: int,
        allowance: Allowance,
        locations: Sequence[str] = (),
        is_quick: bool = False,
    ) -> "Rows":
        """Start a query; iterating gives its batches. Objects that it reads stand in `locations`.

        One that `is_quick`, as `quick` knows it, is run in little memory, and raises
        SpillExceededError where it needs more.

        Raises what `Rows` raises, already here where the engine notices it at once.
        """
        self._watch.add(allowance)
        quick = self.quick.databases_for(sql, locations) if is_quick else None
        return Rows(
            quick or self._databases,
            sql,
            parameters,
            dataset=dataset,
            batch_rows=batch_rows,
            allowance=allowance,
            locations=locations,
            spill_bytes=self._spill_bytes,
        )

    def close(self) -> None:
        """End the database; running queries fail."""
        self._watch.close()
        self.quick.close()
        self._databases.close()


class Rows:
    """The answer of one query as record batches, in order; a context manager that ends the query.

    Lazy: holds one batch, and what the engine itself reads ahead. Iterating raises
    DatasetDamagedError, SpillExceededError, QueryTimeoutError and ScanCancelledError; where objects
    are read, DatasetChangedError and BusyError too.
    """

    def __init__(
        self,
        databases: Generations,
        sql: str,
        parameters: Sequence[object],
        *,
        dataset: str,
        batch_rows: int,
        allowance: Allowance,
        locations: Sequence[str],
        spill_bytes: int,
    ) -> None:
        self._databases = databases
        self._generation = databases.take(locations)
        self._connection = self._generation.database.connections.take()
        self._finished = False
        self._sql = sql
        self._dataset = dataset
        self._allowance = allowance
        self._spill_bytes = spill_bytes
        try:
            self._generation.database.allow(locations)
            with self._step():
                result = self._connection.execute(sql, list(parameters))
                self._reader = result.to_arrow_reader(batch_rows)
        except BaseException:
            self._give_back()
            raise
        self.schema: pa.Schema = self._reader.schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        while True:
            with self._step():
                batch = next(self._reader, None)
            if batch is None:
                self._finished = True
                return
            yield batch
            del batch

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._reader.close()
        self._give_back()

    def _give_back(self) -> None:
        connections = self._generation.database.connections
        connections.give_back(self._connection, finished=self._finished)
        self._databases.give_back(self._generation)

    @contextmanager
    def _step(self) -> Iterator[None]:
        with self._allowance.step(self._connection.interrupt):
            try:
                yield
            except VENDOR_ERRORS as error:
                raise translated(
                    error, dataset=self._dataset, spill_bytes=self._spill_bytes, sql=self._sql
                ) from error
