"""Encoded reads: a slice of a dataset as the bytes of a format."""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain

import pyarrow as pa

from penstock.model.dataset import Dataset
from penstock.model.format import Format, Style
from penstock.model.slice import Slice
from penstock.reading.budget import within_bytes, within_rows
from penstock.reading.engine import Allowance
from penstock.reading.even_batches import even
from penstock.reading.reader import Batch, Pace, Reader
from penstock.reading.scan import scan
from penstock.reading.sql import TextTypes
from penstock.reading.tally import Tally

_FIRST_ROWS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCaps:
    """What one answer may hold; None is unlimited."""

    rows: int | None = None
    size_bytes: int | None = None
    """Before content coding."""
    wire_bytes: int | None = None
    """As coded: what its connection takes."""


def text_types(written: Format) -> TextTypes:
    """Say what the reader turns into text for a format."""
    return TextTypes(
        nested=not written.nested, binary=not written.binary, interval=not written.binary
    )


def encode_batches(
    batches: Iterable[Batch],
    *,
    written: Format,
    style: Style,
    reader: Reader,
    pace: Pace,
    tally: Tally,
    caps: AnswerCaps,
) -> Generator[bytes]:
    """Encode a scan's batches and tally what goes by; the bytes depend on the rows alone.

    Lazy. Batches that can be written apart are written side by side: one is held for each worker,
    and just one for a slow reader. Raises BudgetExceededError in place of what would cross a cap,
    and UnrepresentableError before the first piece.
    """
    try:
        counted = _rows(within_rows(batches, max_rows=caps.rows), tally)
        first = next(counted)
        schema = first.schema
        rows: Iterator[pa.RecordBatch] = chain(iter([first]), counted)
        del first
        rows = even(rows, rows=reader.batch_rows) if written.binary else _quick_start(rows)
        if written.pieces is None:
            pieces = written.encode(rows, schema, style)
        else:
            write = partial(written.pieces.body, style=style)
            bodies = reader.workers.in_order(
                write,
                rows,
                # A scan that ends its query for another one is to leave nothing in memory.
                may_run_ahead=lambda: not (pace.is_slow() or reader.slots.are_wanted),
            )
            pieces = written.pieces.file(schema, style, bodies)
        yield from tally.counted(within_bytes(pieces, max_bytes=caps.size_bytes))
    finally:
        # An error holds what is here for as long as it lives, and a thread that reads ahead can
        # hold the error: the query would never end.
        if isinstance(batches, Generator):
            batches.close()


def encoded(
    reader: Reader,
    dataset: Dataset,
    wanted: Slice,
    *,
    written: Format,
    style: Style,
    allowance: Allowance,
    pace: Pace,
    tally: Tally,
    caps: AnswerCaps,
) -> Generator[bytes]:
    """Read and encode a slice; the read goes on in a thread of its own while batches are encoded.

    Holds two batches in the read and between the threads, and those of `encode_batches`. Raises
    what `scan` and `encode_batches` raise.
    """
    batches = scan(
        reader,
        dataset,
        wanted,
        text=text_types(written),
        allowance=allowance,
        pace=pace,
        beside=True,
    )
    return encode_batches(
        batches,
        written=written,
        style=style,
        reader=reader,
        pace=pace,
        tally=tally,
        caps=caps,
    )


def _quick_start(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Cut some rows off the first batch: they are written, and on their way, in a moment."""
    is_first = True
    for batch in batches:
        if is_first and batch.num_rows > _FIRST_ROWS:
            yield batch.slice(0, _FIRST_ROWS)
            batch = batch.slice(_FIRST_ROWS)  # noqa: PLW2901 - not held under a second name
        is_first = False
        yield batch
        del batch


def _rows(batches: Iterable[Batch], tally: Tally) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        rows = batch.rows
        del batch
        tally.rows += rows.num_rows
        yield rows
        del rows
