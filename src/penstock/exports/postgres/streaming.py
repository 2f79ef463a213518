"""Rows of one COPY, read ahead in a thread of their own."""

import queue
import threading
import time
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
class CopyQuery:
    """What to read: the statements before it, the SELECT, and the columns that it gives."""

    begin: str
    join: str
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
        self, connection: ReadConnection, copy: CopyQuery, *, cancel: Callable[[int], bool]
    ) -> None:
        """`cancel` ends what a server process runs, and tells whether the server was reached."""
        self._connection = connection
        self._copy = copy
        self._cancel = cancel
        self._schema = pa.schema([(column.name, column.type) for column in copy.columns])
        self._batches: queue.Queue[pa.RecordBatch | _Failed | None] = queue.Queue(AHEAD)
        self._stop = threading.Event()
        self._has_ended = threading.Event()
        self._is_left = False
        self._ending = threading.Lock()
        self._process: int | None = None
        self._process_lock = threading.Lock()
        """Held while it is cancelled, so that it isn't let go of meanwhile."""
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
        """End the query on the server and the thread, within 5 s.

        False if the thread is still in a call by then, since the server can't be reached: it closes
        the connection itself once it has ended.
        """
        if self._thread.ident is None or self._has_ended.is_set():
            return True
        # To reach the server may take longer than whoever leaves is to wait: a pooler may have no
        # session free for so long.
        threading.Thread(target=self._cancel_it, name="penstock-cancel", daemon=True).start()
        self._has_ended.wait(_LEAVING_SECONDS)
        with self._ending:
            self._is_left = not self._has_ended.is_set()
            return not self._is_left

    def _cancel_it(self) -> None:
        latest = time.monotonic() + _LEAVING_SECONDS
        is_reached = True
        while is_reached and not self._has_ended.is_set() and time.monotonic() < latest:
            with self._process_lock:
                # In here, so that the thread doesn't leave a query uncancelled.
                self._stop.set()
                if self._process is not None:
                    is_reached = self._cancel(self._process)
            # A cancel that comes between two statements does nothing, so it is said again.
            self._has_ended.wait(_LOOK_SECONDS)

    def _leave_process(self) -> None:
        """Have it cancelled no more: behind a pooler it serves whoever comes next."""
        with self._process_lock:
            self._process = None

    def _run(self) -> None:
        try:
            self._begin()
            self._read()
            self._leave_process()
            self._connection.end()
            self._put(None)
        except Exception as error:  # noqa: BLE001 - handed to the reader, whatever it is
            with suppress(JobCancelledError):
                self._put(_Failed(self._translated(error)))
        finally:
            self._leave_process()
            with self._ending:
                self._has_ended.set()
                is_left = self._is_left
            if is_left:
                self._connection.close()

    def _begin(self) -> None:
        self._connection.begin()
        self._connection.execute(self._copy.begin)
        try:
            self._connection.execute(self._copy.join)
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
