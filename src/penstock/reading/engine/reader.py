"""The reader: one locked-down DuckDB that runs SQL over the stores' Parquet files."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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


class Engine:
    """A DuckDB in memory that can read below `roots` and nowhere else, and is never reconfigured.

    Thread-safe: each query runs on a connection of its own; `queries` of them are kept ready, and
    more are made when they are needed. Memory is bounded by `memory_bytes` for all
    queries together; sorts and groups spill into `spill_dir` up to `spill_bytes`.
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
    ) -> None:
        self._spill_bytes = spill_bytes
        self._watch = Watch()
        self._database = duckdb.connect(":memory:")
        allowed = ", ".join(_text(f"{root.resolve()}/") for root in roots)
        # The order matters: each setting closes a way to change those above it.
        for setting in (
            "allow_persistent_secrets = false",
            f"temp_directory = {_text(str(spill_dir))}",
            f"memory_limit = '{memory_bytes}B'",
            f"threads = {threads}",
            f"max_temp_directory_size = '{spill_bytes}B'",
            # Each query has a connection of its own, which would begin with the machine's zone.
            "GLOBAL TimeZone = 'UTC'",
            "enable_external_file_cache = false",
            # Geometries stay the bytes that are stored: made anew, they would lose their SRID.
            "GLOBAL enable_geoparquet_conversion = false",
            "enable_progress_bar = false",
            f"allowed_directories = [{allowed}]",
            "enable_external_access = false",
            "autoinstall_known_extensions = false",
            "autoload_known_extensions = false",
        ):
            self._database.execute(f"SET {setting}")
        self._connections = Connections(self._database, count=queries)
        self._database.execute("SET lock_configuration = true")

    def columns(self, locations: Sequence[str], *, dataset: str) -> tuple[Column, ...]:
        """Give the columns of files of one schema, as the engine names and types them.

        Raises DatasetDamagedError if a file can't be read.
        """
        with self._database.cursor() as cursor:
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
    ) -> "Rows":
        """Start a query; iterating gives its batches.

        Raises what `Rows` raises, already here where the engine notices it at once.
        """
        self._watch.add(allowance)
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
        self._connections.close()
        self._database.close()


class Rows:
    """The answer of one query as record batches, in order; a context manager that ends the query.

    Lazy: holds one batch, and what the engine itself reads ahead. Iterating raises
    DatasetDamagedError, SpillExceededError, QueryTimeoutError and ScanCancelledError.
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


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
