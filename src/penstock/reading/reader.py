"""Reader: what every scan of a process shares, and what a scan gives and is told."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from penstock.model.dataset import Dataset
from penstock.model.slice import AfterKeys
from penstock.reading.engine import Engine
from penstock.reading.slots import ScanSlots
from penstock.reading.workers import Workers


class Pace(Protocol):
    """What a scan knows of its reader."""

    def is_slow(self) -> bool:
        """Whether the reader has fallen behind, so that the query is to end at the next border."""
        ...

    def wait(self) -> None:
        """Return once the reader has caught up. Raises ScanCancelledError if it has left."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What every scan of this process shares."""

    engine: Engine
    slots: ScanSlots
    workers: Workers
    is_stored: Callable[[Dataset], bool]
    """Whether what was read of its files until now is this version's (Catalog.is_stored)."""
    batch_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch of the answer, and what tells the position of each of its rows.

    `hidden` holds sort keys as text and, last, places in the file; `base` is added to a place, and
    is the place of the first row where rows are simply counted. None: rows have no place.
    """

    rows: pa.RecordBatch
    hidden: tuple[pa.Array, ...] = ()
    base: int | None = None

    def position(self, row: int) -> AfterKeys | None:
        """Give the position to go on behind a row of this batch."""
        if self.base is None:
            return None
        if not self.hidden:
            return AfterKeys((), self.base + row)
        *keys, places = (column[row].as_py() for column in self.hidden)
        return AfterKeys(tuple(keys), self.base + places)

    def cut(self, start: int, stop: int) -> "Batch":
        """Give the rows from `start` to before `stop`, without copying."""
        return Batch(
            rows=self.rows.slice(start, stop - start),
            hidden=tuple(column.slice(start, stop - start) for column in self.hidden),
            base=self.base if self.base is None or self.hidden else self.base + start,
        )
