"""Parts of the service that fail when a test says so, around the real ones."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from penstock.model.dataset import Column, DataFile, Dataset
from penstock.ports import Blobs
from penstock.reading.engine import Allowance, Engine, Rows
from penstock.web.resources import Resources


class Fault:
    """What goes wrong, counted in batches of all queries together (or pieces of all objects)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._batches_left: int | None = None
        self._looks_left: int | None = None
        self._error: Callable[[], BaseException] = RuntimeError
        self.struck = threading.Event()
        self.batches = 0
        self._running = 0
        self._changed = threading.Condition()

    def running_becomes(self, queries: int, *, within_seconds: float) -> bool:
        """Wait until exactly this many queries are open."""
        with self._changed:
            return self._changed.wait_for(lambda: self._running == queries, within_seconds)

    def count_query(self, more: int) -> None:
        """Count a query that is opened (1) or closed (-1)."""
        with self._changed:
            self._running += more
            self._changed.notify_all()

    def clear(self) -> None:
        """Let everything go well."""
        self._batches_left = self._looks_left = None
        self.batches = 0
        self.struck.clear()

    def fail(self, batch: int, error: Callable[[], BaseException]) -> None:
        """Raise an error in place of this batch (0 is the first), or of the end behind the last."""
        self.clear()
        self._batches_left, self._error = batch, error

    def replace_file(self, batch: int) -> None:
        """Say, from the look after this batch on, that the stored file is another one."""
        self.clear()
        self._looks_left = batch

    def pass_batch(self) -> None:
        """Count a batch, or the end of a query."""
        with self._lock:
            self.batches += 1
            if self._batches_left is not None:
                self._batches_left -= 1
                if self._batches_left < 0:
                    self.struck.set()
                    raise self._error()

    def is_stored(self) -> bool:
        """Count a look at the stored file."""
        with self._lock:
            if self._looks_left is None:
                return True
            self._looks_left -= 1
            if self._looks_left < 0:
                self.struck.set()
            return self._looks_left >= 0

    def adapt(self, resources: Resources) -> Resources:
        """Put the failing parts around a service's own."""
        reader = resources.reader

        def is_stored(dataset: Dataset) -> bool:
            return self.is_stored() and reader.is_stored(dataset)

        engine: Any = _FailingEngine(reader.engine, self)
        return replace(
            resources,
            reader=replace(reader, engine=engine, is_stored=is_stored),
            ports=replace(resources.ports, blobs=_FailingBlobs(resources.ports.blobs, self)),
        )


class _FailingEngine:
    def __init__(self, engine: Engine, fault: Fault) -> None:
        self._engine = engine
        self._fault = fault
        self.quick = engine.quick

    def columns(self, locations: Sequence[str], *, dataset: str) -> tuple[Column, ...]:
        return self._engine.columns(locations, dataset=dataset)

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
    ) -> "_FailingRows":
        self._fault.count_query(1)
        try:
            rows = self._engine.rows(
                sql,
                parameters,
                dataset=dataset,
                batch_rows=batch_rows,
                allowance=allowance,
                locations=locations,
                is_quick=is_quick,
            )
        except BaseException:
            self._fault.count_query(-1)
            raise
        return _FailingRows(rows, self._fault)


class _FailingRows:
    def __init__(self, rows: Rows, fault: Fault) -> None:
        self._rows = rows
        self._fault = fault
        self.schema: pa.Schema = rows.schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._rows:
            self._fault.pass_batch()
            yield batch
        self._fault.pass_batch()

    def __enter__(self) -> Self:
        self._rows.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._rows.__exit__(kind, error, trace)
        self._fault.count_query(-1)


class _FailingBlobs:
    def __init__(self, blobs: Blobs, fault: Fault) -> None:
        self._blobs = blobs
        self._fault = fault

    def read(self, file: DataFile, *, start: int, stop: int) -> Iterator[bytes]:
        for piece in self._blobs.read(file, start=start, stop=stop):
            self._fault.pass_batch()
            yield piece
        self._fault.pass_batch()

    def link(self, file: DataFile, *, file_name: str, seconds: int) -> str | None:
        return self._blobs.link(file, file_name=file_name, seconds=seconds)
