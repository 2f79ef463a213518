"""Scans: the batches of a slice, in order, from queries that never outlive their reader's pace."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import accumulate

import pyarrow as pa

from penstock.errors import DatasetChangedError, SpillExceededError
from penstock.model.dataset import Dataset
from penstock.model.slice import AfterKeys, Slice
from penstock.reading import sql
from penstock.reading.engine import Allowance, Rows
from penstock.reading.read_ahead import ahead
from penstock.reading.reader import Batch, Pace, Reader

_BATCHES_AHEAD = 1
_QUICK_SECONDS = 0.1
_TURN_SECONDS = 0.05
"""What a query gets, at least, of its row group when others wait: more than it reads twice."""


def scan(
    reader: Reader,
    dataset: Dataset,
    wanted: Slice,
    *,
    text: sql.TextTypes,
    allowance: Allowance,
    pace: Pace,
    with_keys: bool = False,
    beside: bool = False,
) -> Iterator[Batch]:
    """Read a slice's batches in its total order; the columns have the outputs' names.

    Yields at least one batch, which may be empty: it tells the schema. Lazy: holds one batch and
    one query; `beside` the caller, batches are read in a thread and two more are held. In file
    order the query ends at a border of row groups once the reader is slow or another one waits for
    a slot, and goes on when the reader has caught up and a slot is free; where both are true, or
    the other one has waited for a moment, it ends within a row group. Any other order holds its
    query to the end.

    Raises ScanQueueFullError before the first batch; DatasetDamagedError, DatasetChangedError,
    BusyError, SpillExceededError, QueryTimeoutError and ScanCancelledError at any.
    """
    run = _Run(reader, dataset, wanted, text, allowance, pace, beside)
    return run.file_order() if wanted.in_file_order else run.ordered(with_keys=with_keys)


@dataclass(slots=True)
class _Run:
    reader: Reader
    dataset: Dataset
    wanted: Slice
    text: sql.TextTypes
    allowance: Allowance
    pace: Pace
    beside: bool
    begun: bool = False
    going_on_at: int | None = None
    place: int = 0

    def ordered(self, *, with_keys: bool) -> Iterator[Batch]:
        statement = sql.ordered(self.dataset, self.wanted, text=self.text, with_keys=with_keys)
        base = 0 if statement.hidden else None
        yield from self._beside(self._ordered(statement, base))

    def _ordered(self, statement: sql.Statement, base: int | None) -> Iterator[Batch]:
        with self._slot(), open_rows(self.reader, self.dataset, statement, self.allowance) as rows:
            for batch in self._checked(rows):
                self.begun = True
                yield self._batch(batch, base=base)
                del batch

    def file_order(self) -> Iterator[Batch]:
        page = self.wanted.page
        skip = page.offset
        start = 0
        if isinstance(page.after, AfterKeys):
            start = page.after.place + 1
        elif page.after is not None:
            skip += page.after.rows
        if self.wanted.predicate is None:
            # Unfiltered rows are counted, not read, until the page begins.
            start, skip = start + skip, 0
        left = page.limit
        for batch in self._files(start):
            skipped = min(skip, batch.rows.num_rows)
            skip -= skipped
            kept = batch.rows.num_rows - skipped
            if left is not None:
                kept = min(kept, left)
                left -= kept
            if kept or not self.begun:
                self.begun = True
                yield batch.cut(skipped, skipped + kept)
            del batch
            if left == 0:
                return

    def _files(self, start: int) -> Iterator[Batch]:
        """Read the files one after the other from a row of the whole dataset on."""
        before = 0
        for index, file in enumerate(self.dataset.files):
            is_last = index == len(self.dataset.files) - 1
            if start < before + file.rows or (is_last and not self.begun):
                yield from self._file(index, max(0, start - before), before)
            before += file.rows

    def _file(self, index: int, first: int, before: int) -> Iterator[Batch]:
        """Read one file from a row on, in as many queries as the reader's pace asks for."""
        while True:
            yield from self._beside(self._window(index, first, before))
            if self.going_on_at is None:
                return
            first = self.going_on_at
            self.pace.wait()

    def _window(self, index: int, first: int, before: int) -> Iterator[Batch]:
        """Read one file in one query, to its end or to where it is to go on (`going_on_at`)."""
        self.going_on_at = None
        statement = sql.file_order(
            self.dataset, self.wanted, text=self.text, file_index=index, first_row=first
        )
        quick = self.reader.engine.quick
        if first or not quick.has(statement.sql, statement.locations):
            yield from self._read(statement, index, first, before)
            return
        try:
            yield from self._read(statement, index, first, before, is_quick=True)
        except SpillExceededError:
            quick.rule_out(statement.sql, statement.locations)
            self.going_on_at = self.place

    def _read(
        self,
        statement: sql.Statement,
        index: int,
        first: int,
        before: int,
        *,
        is_quick: bool = False,
    ) -> Iterator[Batch]:
        quick, file = self.reader.engine.quick, self.dataset.files[index]
        borders = list(accumulate(group.rows for group in file.row_groups))
        self.place = first
        rows_read = 0
        with (
            self._slot(),
            open_rows(
                self.reader, self.dataset, statement, self.allowance, is_quick=is_quick
            ) as rows,
        ):
            began = time.monotonic()
            for batch in self._checked(rows):
                was = self.place
                rows_read += batch.num_rows
                if not statement.hidden:
                    self.place += batch.num_rows
                elif batch.num_rows:
                    self.place = batch.columns[-1][-1].as_py() + 1
                made = self._batch(batch, base=before + (0 if statement.hidden else was))
                del batch
                yield made
                del made
                # Filtered rows may skip borders: any place will do, since few are read again. An
                # empty batch is the end of the file: going on behind it would never end.
                at_border = bool(statement.hidden) or any(was < b <= self.place for b in borders)
                is_much = is_quick and rows_read >= self.reader.batch_rows
                should_end = is_much or self._should_pause(at_border=at_border, began=began)
                if was < self.place < file.rows and should_end:
                    self.going_on_at = self.place
                    if is_much:
                        quick.forget(statement.sql, statement.locations)
                    return
            is_little = statement.hidden and not first and rows_read < self.reader.batch_rows
            if is_little and time.monotonic() < began + _QUICK_SECONDS:
                quick.learn(statement.sql, file, columns=len(self.dataset.columns))

    def _beside(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Read in a thread of its own, which ends with its query.

        A thread that has run a query keeps some of the engine's memory until it ends; one that
        waited for a slow reader would keep it all the time.
        """
        return ahead(batches, depth=_BATCHES_AHEAD) if self.beside else batches

    def _should_pause(self, *, at_border: bool, began: float) -> bool:
        """Whether to end the query; between two borders, some of its row group is read twice."""
        if self.reader.slots.are_wanted:
            had_turn = time.monotonic() > began + _TURN_SECONDS
            return at_border or had_turn or self.pace.is_slow()
        return at_border and self.pace.is_slow()

    def _slot(self) -> AbstractContextManager[None]:
        return self.reader.slots.slot(self.allowance, going_on=self.begun)

    def _checked(self, rows: Rows) -> Iterator[pa.RecordBatch]:
        """Pass on what was read while the files were still this version's; at least one batch."""
        empty = True
        for batch in rows:
            refuse_if_changed(self.reader, self.dataset)
            empty = False
            yield batch
            del batch
        if empty:
            yield pa.RecordBatch.from_pylist([], schema=rows.schema)

    def _batch(self, batch: pa.RecordBatch, *, base: int | None) -> Batch:
        names = [output.name for output in self.wanted.outputs]
        columns = batch.columns
        return Batch(
            rows=pa.RecordBatch.from_arrays(columns[: len(names)], names=names),
            hidden=tuple(columns[len(names) :]),
            base=base,
        )


def open_rows(
    reader: Reader,
    dataset: Dataset,
    statement: sql.Statement,
    allowance: Allowance,
    *,
    is_quick: bool = False,
) -> Rows:
    """Start the query of a statement; whoever starts it holds a slot."""
    return reader.engine.rows(
        statement.sql,
        statement.parameters,
        dataset=dataset.name,
        batch_rows=reader.batch_rows,
        allowance=allowance,
        locations=statement.locations,
        is_quick=is_quick,
    )


def refuse_if_changed(reader: Reader, dataset: Dataset) -> None:
    """Raise DatasetChangedError unless all that was read until now is this version's."""
    if not reader.is_stored(dataset):
        raise DatasetChangedError(dataset.name)
