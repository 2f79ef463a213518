"""Counting: how many rows a slice has, and other questions that one row answers."""

from contextlib import nullcontext

from penstock.model.dataset import Dataset
from penstock.model.slice import AfterRows, Slice
from penstock.reading import sql
from penstock.reading.engine import Allowance
from penstock.reading.reader import Reader
from penstock.reading.scan import open_rows, refuse_if_changed


def count_rows(
    reader: Reader,
    dataset: Dataset,
    wanted: Slice,
    *,
    allowance: Allowance,
    has_slot: bool = False,
) -> int:
    """Count a slice's rows, its page not applied, without reading what isn't needed to count.

    Waits for a slot unless the one who asks has one.
    """
    if wanted.predicate is None and wanted.in_file_order:
        return dataset.rows
    if wanted.grouped or wanted.distinct:
        statement = sql.count_answer(dataset, wanted)
    else:
        statement = sql.count(dataset, wanted.predicate)
    row = single_row(reader, dataset, statement, allowance=allowance, has_slot=has_slot)
    return int(row[0] or 0)


def single_row(
    reader: Reader,
    dataset: Dataset,
    statement: sql.Statement,
    *,
    allowance: Allowance,
    has_slot: bool = False,
) -> list[int | float | str | None]:
    """Give the only row of a statement's answer, as Python values."""
    slot = nullcontext() if has_slot else reader.slots.slot(allowance)
    with slot, open_rows(reader, dataset, statement, allowance) as rows:
        batch = next(iter(rows))
    refuse_if_changed(reader, dataset)
    return [column[0].as_py() for column in batch.columns]


def page_rows(rows: int, wanted: Slice) -> int:
    """Tell how many of an answer's `rows` its page holds, for pages counted in rows."""
    page = wanted.page
    skipped = page.offset + (page.after.rows if isinstance(page.after, AfterRows) else 0)
    left = max(0, rows - skipped)
    return left if page.limit is None else min(left, page.limit)
