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
from penstock.reading.engine.failures import VENDOR_ERRORS, translated
from penstock.reading.engine.kinds import kind_of


class Engine:
    """A DuckDB in memory that can read below `roots` and nowhere else, and is never reconfigured.

    Thread-safe: each query runs on a cursor of its own. Memory is bounded by `memory_bytes` for all
    queries together; sorts and groups spill into `spill_dir` up to `spill_bytes`.
    """

    def __init__(
        self,
        *,
        roots: Sequence[Path],
        spill_dir: Path,
        memory_bytes: int,
        threads: int,
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
            "enable_progress_bar = false",
            f"allowed_directories = [{allowed}]",
            "enable_external_access = false",
            "autoinstall_known_extensions = false",
            "autoload_known_extensions = false",
            "lock_configuration = true",
        ):
            self._database.execute(f"SET {setting}")

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
            self._database.cursor(),
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
        self._database.close()


class Rows:
    """The answer of one query as record batches, in order; a context manager that ends the query.

    Lazy: holds one batch, and what the engine itself reads ahead. Iterating raises
    DatasetDamagedError, SpillExceededError, QueryTimeoutError and ScanCancelledError.
    """

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        sql: str,
        parameters: Sequence[object],
        *,
        dataset: str,
        batch_rows: int,
        allowance: Allowance,
        spill_bytes: int,
    ) -> None:
        self._cursor = cursor
        self._dataset = dataset
        self._allowance = allowance
        self._spill_bytes = spill_bytes
        try:
            with self._step():
                self._reader = cursor.execute(sql, list(parameters)).to_arrow_reader(batch_rows)
        except BaseException:
            cursor.close()
            raise
        self.schema: pa.Schema = self._reader.schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        while True:
            with self._step():
                batch = next(self._reader, None)
            if batch is None:
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
        self._cursor.close()

    @contextmanager
    def _step(self) -> Iterator[None]:
        with self._allowance.step(self._cursor.interrupt):
            try:
                yield
            except VENDOR_ERRORS as error:
                raise translated(
                    error, dataset=self._dataset, spill_bytes=self._spill_bytes
                ) from error


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
