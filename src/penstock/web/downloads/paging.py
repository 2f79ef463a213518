"""Paging: the rows of one page, and where the next one begins."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from penstock.errors import QueryTimeoutError
from penstock.model.dataset import Dataset
from penstock.model.slice import AfterKeys, AfterRows, Position, Slice
from penstock.reading.counting import count_rows, page_rows
from penstock.reading.engine import Allowance
from penstock.reading.estimate import AT_ONCE
from penstock.reading.reader import Batch, Reader
from penstock.reading.scan import scan
from penstock.reading.sql import TextTypes

MOST_EXACT_ROWS = 10_000
"""Up to this `_limit` a page is read with one row more, so that its link is exact."""

_MOST_HELD_BYTES = 32_000_000
_COUNT_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPage:
    """A page that has been read: its batches, its rows, and where the next one begins, if any."""

    batches: tuple[Batch, ...]
    rows: int
    following: Position | None


def known_rows(dataset: Dataset, wanted: Slice) -> int | None:
    """Tell how many rows an answer has where the footers say it, else None."""
    if wanted.predicate is not None or wanted.grouped or wanted.distinct:
        return None
    after = wanted.page.after
    behind = after.rows if isinstance(after, AfterKeys) else 0
    return page_rows(dataset.rows - behind, wanted)


def rows_before(wanted: Slice) -> int:
    """Count the rows of the whole answer that lie before this page."""
    after = wanted.page.after
    return wanted.page.offset + (0 if after is None else after.rows)


def read_page(
    reader: Reader, dataset: Dataset, wanted: Slice, *, text: TextTypes, allowance: Allowance
) -> HeldPage | None:
    """Read a page of at most 10,000 rows and one row more; None if the page is too large to hold.

    Holds the page. Raises what `scan` raises.
    """
    limit = wanted.page.limit
    if limit is None or limit > MOST_EXACT_ROWS:
        return None
    one_more = replace(wanted, page=replace(wanted.page, limit=limit + 1))
    batches: list[Batch] = []
    rows = held = 0
    for batch in scan(
        reader,
        dataset,
        one_more,
        text=text,
        allowance=allowance,
        pace=AT_ONCE,
        with_keys=True,
    ):
        batches.append(batch)
        rows += batch.rows.num_rows
        held += batch.rows.nbytes
        if held > _MOST_HELD_BYTES:
            return None
    if rows <= limit or limit == 0:
        return HeldPage(
            batches=tuple(_first_rows(batches, limit)), rows=min(rows, limit), following=None
        )
    kept = tuple(_first_rows(batches, limit))
    return HeldPage(batches=kept, rows=limit, following=_behind(kept, wanted, limit))


def following_unread(reader: Reader, dataset: Dataset, wanted: Slice) -> Position | None:
    """Say where the next page begins without having read this one; None if this is the last.

    Where the footers don't tell the rows they are counted, for 0.2 s at most. A count that takes
    longer leaves the rows of the whole dataset as their bound: pages before that may be empty.

    Raises what `count_rows` raises, but for QueryTimeoutError.
    """
    limit = wanted.page.limit
    if not limit:
        return None
    before = rows_before(wanted)
    left = known_rows(dataset, replace(wanted, page=replace(wanted.page, limit=None)))
    if left is None:
        try:
            counting = Allowance(seconds=_COUNT_SECONDS)
            left = count_rows(reader, dataset, wanted, allowance=counting) - before
        except QueryTimeoutError:
            left = dataset.rows - before
    return AfterRows(before + limit) if left > limit else None


def _behind(kept: tuple[Batch, ...], wanted: Slice, limit: int) -> Position:
    rows = rows_before(wanted) + limit
    last = next((batch for batch in reversed(kept) if batch.rows.num_rows), None)
    position = last.position(last.rows.num_rows - 1) if last is not None else None
    return AfterRows(rows) if position is None else replace(position, rows=rows)


def _first_rows(batches: list[Batch], rows: int) -> Iterator[Batch]:
    for batch in batches:
        yield batch.cut(0, min(rows, batch.rows.num_rows))
        rows -= min(rows, batch.rows.num_rows)
        if rows == 0:
            return
