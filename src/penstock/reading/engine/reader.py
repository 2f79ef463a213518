"""The reader: one locked-down DuckDB that runs SQL over the stores' Parquet files."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import pyarrow as pa

from penstock.model.dataset import Column
from penstock.reading.engine.allowance import Allowance, Watch
from penstock.reading.engine.connections import Connections
from penstock.reading.engine.failures import VENDOR_ERRORS, translated
from penstock.reading.engine.kinds import kind_of
from penstock.reading.engine.literals import text
from penstock.reading.engine.object_store import ObjectStore, Secrets, open_store


class Engine:
    """A DuckDB in memory that can read below `roots` and nowhere else, and is never reconfigured.

    With an `object_store`, objects below its prefixes can be read as well, each as the one content
    that its location names (reading/objects.py): a read of another content fails, whenever it is
    noticed. What their footers say is kept and counts towards `memory_bytes`, with about a quarter
    of what it takes up.

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
        self._database = duckdb.connect(":memory:")
        allowed = [f"{root.resolve()}/" for root in roots]
        # Before anything else: a secret that may be kept on disk can't be replaced once locked.
        self._database.execute("SET allow_persistent_secrets = false")
        if object_store is not None:
            open_store(self._database, object_store)
            allowed += object_store.prefixes
        # The order matters: each setting closes a way to change those above it.
        for setting in (
            f"temp_directory = {text(str(spill_dir))}",
            f"memory_limit = '{memory_bytes}B'",
            f"threads = {threads}",
            f"max_temp_directory_size = '{spill_bytes}B'",
            # Each query has a connection of its own, which would begin with the machine's zone.
            "GLOBAL TimeZone = 'UTC'",
            "enable_external_file_cache = false",
            # Geometries stay the bytes that are stored: made anew, they would lose their SRID.
            "GLOBAL enable_geoparquet_conversion = false",
            "enable_progress_bar = false",
            f"allowed_directories = [{', '.join(map(text, allowed))}]",
            "enable_external_access = false",
            "autoinstall_known_extensions = false",
            "autoload_known_extensions = false",
        ):
            self._database.execute(f"SET {setting}")
        self._connections = Connections(self._database, count=queries)
        self._database.execute("SET lock_configuration = true")
        self._secrets = None if object_store is None else Secrets(self._database, object_store)
        self._watch = Watch()

    def columns(self, locations: Sequence[str], *, dataset: str) -> tuple[Column, ...]:
        """Give the columns of files of one schema, as the engine names and types them.

        Raises DatasetDamagedError if a file can't be read, and DatasetChangedError and BusyError if
        it is an object that has another content, or is out of reach.
        """
        with self._database.cursor() as cursor, self._secrets_of(locations):
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

    def rows(
        self,
        sql: str,
        parameters: Sequence[object],
        *,
        dataset: str,
        batch_rows: int,
        allowance: Allowance,
        locations: Sequence[str] = (),
    ) -> "Rows":
        """Start a query; iterating gives its batches. Objects that it reads stand in `locations`.

        Raises what `Rows` raises, already here where the engine notices it at once.
        """
        self._watch.add(allowance)
        with self._secrets_of(locations):
            return Rows(
                self._connections,
                sql,
                parameters,
                dataset=dataset,
                batch_rows=batch_rows,
                allowance=allowance,
                spill_bytes=self._spill_bytes,
            )

    def close(self) -> None:
        """End the database; running queries fail."""
        self._watch.close()
        if self._secrets is not None:
            self._secrets.close()
        self._connections.close()
        self._database.close()

    def _secrets_of(self, locations: Sequence[str]) -> AbstractContextManager[None]:
        return nullcontext() if self._secrets is None else self._secrets.for_query(locations)


class Rows:
    """The answer of one query as record batches, in order; a context manager that ends the query.

    Lazy: holds one batch, and what the engine itself reads ahead. Iterating raises
    DatasetDamagedError, SpillExceededError, QueryTimeoutError and ScanCancelledError; where objects
    are read, DatasetChangedError and BusyError too.
    """

    def __init__(
        self,
        connections: Connections,
        sql: str,
        parameters: Sequence[object],
        *,
        dataset: str,
        batch_rows: int,
        allowance: Allowance,
        spill_bytes: int,
    ) -> None:
        self._connections = connections
        self._connection = connections.take()
        self._finished = False
        self._sql = sql
        self._dataset = dataset
        self._allowance = allowance
        self._spill_bytes = spill_bytes
        try:
            with self._step():
                result = self._connection.execute(sql, list(parameters))
                self._reader = result.to_arrow_reader(batch_rows)
        except BaseException:
            connections.give_back(self._connection, finished=False)
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
        self._connections.give_back(self._connection, finished=self._finished)

    @contextmanager
    def _step(self) -> Iterator[None]:
        with self._allowance.step(self._connection.interrupt):
            try:
                yield
            except VENDOR_ERRORS as error:
                raise translated(
                    error, dataset=self._dataset, spill_bytes=self._spill_bytes, sql=self._sql
                ) from error
