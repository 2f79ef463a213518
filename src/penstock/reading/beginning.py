"""Beginnings: a scan whose first rows are in hand while it is decided whether they are sent."""

from collections import deque
from collections.abc import Generator, Iterator

from penstock.model.dataset import Dataset
from penstock.model.slice import Slice
from penstock.reading.engine import Allowance
from penstock.reading.reader import Batch, Pace, Reader
from penstock.reading.scan import scan
from penstock.reading.sql import TextTypes


class Beginning:
    """The first batches of a slice in file order, and the scan that goes on behind them.

    Holds its slot and what `scan` holds beside its reader, and up to two batches, until it is taken
    and read to its end, or dropped.
    """

    def __init__(self, batches: Iterator[Batch], *, enough_rows: int) -> None:
        self._batches = batches
        self._held: deque[Batch] = deque()
        self.all_rows: int | None = None
        """How many rows there are, if the first batches are the whole answer."""
        self._is_taken = False
        rows = 0
        try:
            while rows < enough_rows:
                batch = next(batches, None)
                if batch is None:
                    self.all_rows = rows
                    break
                rows += batch.rows.num_rows
                self._held.append(batch)
                del batch
        except BaseException:
            self._close()
            raise

    def first(self, rows: int) -> list[Batch]:
        """Give the first rows, without copying; fewer where fewer are in hand."""
        cut = []
        for batch in self._held:
            cut.append(batch.cut(0, min(rows, batch.rows.num_rows)))
            rows -= cut[-1].rows.num_rows
        return cut

    def taken(self) -> Generator[Batch]:
        """Give all batches, once, to whoever reads or closes them."""
        self._is_taken = True
        return self._all()

    def drop(self) -> None:
        """End the scan unless it was taken."""
        if not self._is_taken:
            self._close()

    def _all(self) -> Generator[Batch]:
        try:
            while self._held:
                yield self._held.popleft()
            yield from self._batches
        finally:
            self._close()

    def _close(self) -> None:
        self._held.clear()
        if isinstance(self._batches, Generator):
            self._batches.close()


def beginning_of(
    reader: Reader,
    dataset: Dataset,
    wanted: Slice,
    *,
    text: TextTypes,
    allowance: Allowance,
    pace: Pace,
) -> Beginning:
    """Begin to read a slice, in a thread of its own; returns with its first batch.

    What is no longer than a batch is read to its end, so that its rows are known. Raises what
    `scan` raises before its first batch.
    """
    batches = scan(reader, dataset, wanted, text=text, allowance=allowance, pace=pace, beside=True)
    # Behind a short batch of one file nothing follows; another file could be long in coming.
    return Beginning(batches, enough_rows=reader.batch_rows if len(dataset.files) == 1 else 1)
