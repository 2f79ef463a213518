"""Rows of one COPY, read ahead in a thread of their own."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import pyarrow as pa

from penstock.errors import JobCancelledError, PenstockError
from penstock.exports.postgres import failures
from penstock.exports.postgres.arrays import to_batch
from penstock.exports.postgres.columns import Column
from penstock.exports.postgres.driver import DriverError, ReadConnection

AHEAD = 2
"""How many batches wait for the reader; one more is being made, and one is in its hands."""

_LOOK_SECONDS = 0.1
_LEAVING_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """What to read: the statements before it, the SELECT, and the columns that it gives."""

    begin: Sequence[str]
    settings: str
    select: str
    columns: Sequence[Column]
    batch_rows: int


@dataclass(frozen=True, slots=True)
class _Failed:
    error: BaseException


class Stream:
    """The batches of one COPY on one connection, which is used by its thread alone meanwhile."""

    def __init__(
        self, connection: ReadConnection, copy: Copy, *, cancel: Callable[[int], None]
    ) -> None:
        self._connection = connection
        self._copy = copy
        self._cancel = cancel
        self._schema = pa.schema([(column.name, column.type) for column in copy.columns])
        self._batches: queue.Queue[pa.RecordBatch | _Failed | None] = queue.Queue(AHEAD)
        self._stop = threading.Event()
        self._has_ended = threading.Event()
        self._process: int | None = None
        self._thread = threading.Thread(target=self._run, name="penstock-copy", daemon=True)

    def batches(self, cancelled: Callable[[], bool]) -> Iterator[pa.RecordBatch]:
        """Yield the rows; at least one batch. `cancelled` is asked ten times a second."""
        self._thread.start()
        while True:
            if cancelled():
                raise JobCancelledError
            try:
                given = self._batches.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                continue
            match given:
                case None:
                    self._thread.join()
                    return
                case _Failed(error):
                    self._thread.join()
                    raise error
                case _:
                    yield given

    def end(self) -> bool:
        """End the query on the server and the thread; False if the thread is still in a call."""
        if self._thread.ident is None or self._has_ended.is_set():
            return True
        self._stop.set()
        for _ in range(round(_LEAVING_SECONDS / _LOOK_SECONDS)):
            # A cancel that comes between two statements does nothing, so it is said again.
            if self._process is not None:
                self._cancel(self._process)
            if self._has_ended.wait(_LOOK_SECONDS):
                break
        return self._has_ended.is_set()

    def _run(self) -> None:
        try:
            self._begin()
            self._read()
            self._connection.execute("ROLLBACK")
            self._put(None)
        except Exception as error:  # noqa: BLE001 - handed to the reader, whatever it is
            with suppress(JobCancelledError):
                self._put(_Failed(self._translated(error)))
        finally:
            self._has_ended.set()

    def _begin(self) -> None:
        begin, *others = self._copy.begin
        self._connection.execute(begin)
        for statement in others:
            try:
                self._connection.execute(statement)
            except DriverError as error:
                raise failures.of_snapshot(error) from error
        self._process = int(self._connection.execute(self._copy.settings)[0]["process"])

    def _read(self) -> None:
        schema, rows = self._schema, self._copy.batch_rows
        given = False
        # Left in the middle it goes on in the server, so `end` has it cancelled, too.
        with self._connection.rows(self._copy.select) as reader:
            for arrived in reader:
                batch = to_batch(arrived.columns, self._copy.columns, schema)
                for start in range(0, batch.num_rows, rows):
                    given = True
                    self._put(batch.slice(start, rows))
        if not given:
            self._put(pa.RecordBatch.from_pylist([], schema=schema))

    def _put(self, given: pa.RecordBatch | _Failed | None) -> None:
        while not self._stop.is_set():
            try:
                self._batches.put(given, timeout=_LOOK_SECONDS)
            except queue.Full:
                continue
            return
        raise JobCancelledError

    def _translated(self, error: Exception) -> BaseException:
        if isinstance(error, PenstockError):
            return error
        if isinstance(error, DriverError) and error.sqlstate:
            said: PenstockError = failures.of_statement(error)
        else:
            said = failures.ended() if self._connection.is_connected() else failures.lost()
        said.__cause__ = error
        return said
