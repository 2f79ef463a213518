"""Parts: batches become the Parquet files of a result, one after another, each of bounded size."""

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import count

import pyarrow as pa

from penstock.exports.job_folder import JobFolder
from penstock.exports.limits import ExportLimits
from penstock.formats import parquet
from penstock.formats.columns.sink import Sink
from penstock.model.artifact import Artifact
from penstock.model.format import Style
from penstock.reading.dataset_files import GROUP_ROWS, dataset_writer, row_groups
from penstock.reading.read_ahead import ahead
from penstock.reading.tally import Tally

_AHEAD_BYTES = 1 << 20
"""About what one batch holds while it waits; a larger one is cut."""
_AHEAD_BATCHES = 12
"""At 8,192 rows each, what is read while a row group is written."""
_GROUP_BYTES = 20 << 20
"""Decoded; less than of dataset files, since a worker is to stay below 300 MB: it holds a group
decoded and encoded, and reading it again for another format costs as much once more."""
_UNLIMITED = ExportLimits(part_rows=1 << 62, part_bytes=1 << 62)

OnProgress = Callable[[int, int], None]
"""Hears of rows read and bytes written until now; what it raises ends the writing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Batches of one schema, and what ends the read of them at once, from any thread.

    A read may wait for long for its next batch; who leaves it doesn't.
    """

    batches: Iterable[pa.RecordBatch]
    end: Callable[[], None] = lambda: None
    """Called once the batches aren't wanted any more, also where all of them came."""


def write_parts(
    place: JobFolder,
    stream: Stream,
    *,
    limits: ExportLimits,
    told: OnProgress,
    first: int = 0,
    may_be_none: bool = False,
) -> Generator[tuple[Artifact, bool]]:
    """Write a stream's batches as parts, in order, numbered from `first`.

    Yields each part once it is stored, and whether more follow.

    There is at least one part, also for no rows, unless there `may_be_none`. Parts have row groups
    and a page index as dataset files have, and end at borders of row groups. Batches are read in a
    thread beside the writing. Holds a row group decoded and one encoded, 12 MiB of batches and two
    more; where the iterator is closed or something is raised, the part that was begun isn't stored.

    Raises UnrepresentableError, what the stream and `told` raise, and what Outputs.write raises.
    """
    waiting = ahead(_cut(stream.batches), depth=_AHEAD_BATCHES)
    try:
        writing = _Writing(place, waiting, limits, told)
        if may_be_none and writing.following is None:
            return
        for number in count(first):
            part = writing.file(place.part(number))
            goes_on = writing.goes_on()
            yield part, goes_on
            if not goes_on:
                return
    finally:
        stream.end()
        waiting.close()


def write_whole(place: JobFolder, name: str, stream: Stream, *, told: OnProgress) -> Artifact:
    """Write a stream's batches as one Parquet file, of any size, otherwise as `write_parts`."""
    waiting = ahead(_cut(stream.batches), depth=_AHEAD_BATCHES)
    try:
        return _Writing(place, waiting, _UNLIMITED, told).file(name)
    finally:
        stream.end()
        waiting.close()


def refuse_unstorable(schema: pa.Schema) -> None:
    """Return if Parquet can hold every column's type. Raises UnrepresentableError otherwise."""
    for _ in parquet.FORMAT.encode((), schema, Style()):
        pass


class _Writing:
    """Batches on their way into files; the row group that comes next is `following`."""

    def __init__(
        self,
        place: JobFolder,
        batches: Iterator[pa.RecordBatch],
        limits: ExportLimits,
        told: OnProgress,
    ) -> None:
        self._place = place
        self._limits = limits
        self._told = told
        self._read_rows = 0
        self._written_bytes = 0
        counted = self._counted(batches)
        first = next(counted)
        refuse_unstorable(first.schema)
        self._schema = first.schema.remove_metadata()
        self._groups = row_groups(self._schema, _with(first, counted), max_bytes=_GROUP_BYTES)
        del first
        self.following: pa.Table | None = next(self._groups, None)

    def goes_on(self) -> bool:
        """Whether there are rows that no file holds yet; reads the next row group."""
        if self.following is None:
            self.following = next(self._groups, None)
        return self.following is not None

    def file(self, name: str) -> Artifact:
        """Store the rows that come next, as many as one file may hold."""
        tally = Tally()
        self._place.write(name, tally.counted(self._pieces(tally)))
        return self._place.artifact(name, tally)

    def _pieces(self, tally: Tally) -> Iterator[bytes]:
        sink = Sink()
        writer = dataset_writer(sink, self._schema)
        while self.following is not None:
            tally.rows += self.following.num_rows
            writer.write_table(self.following, row_group_size=GROUP_ROWS)
            # Not held while the next one is gathered.
            self.following = None
            yield from self._poured(sink)
            if tally.rows >= self._limits.part_rows or tally.size_bytes >= self._limits.part_bytes:
                break
            self.following = next(self._groups, None)
        writer.close()
        yield from self._poured(sink)

    def _poured(self, sink: Sink) -> Iterator[bytes]:
        for piece in sink.pour():
            self._written_bytes += len(piece)
            yield piece
            del piece

    def _counted(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            self._read_rows += batch.num_rows
            self._told(self._read_rows, self._written_bytes)
            yield batch
            del batch


def _with(first: pa.RecordBatch, others: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    del first
    yield from others


def _cut(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Cut batches, without copying, so that few bytes wait; an empty one is passed on."""
    try:
        for batch in batches:
            pieces = max(1, -(-batch.nbytes // _AHEAD_BYTES))
            rows = max(1, -(-batch.num_rows // pieces))
            for start in range(0, max(batch.num_rows, 1), rows):
                yield batch.slice(start, rows)
            del batch
    finally:
        # A query ends with its reader, and isn't left to the collector of garbage.
        if isinstance(batches, Generator):
            batches.close()
