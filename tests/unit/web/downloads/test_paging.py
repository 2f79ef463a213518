from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reading_parts import dataset_of, minute, reader_over

from penstock.model.dataset import Dataset
from penstock.model.slice import (
    AfterKeys,
    AfterRows,
    Aggregate,
    ColumnRef,
    Compare,
    Constant,
    Output,
    Page,
    Position,
    Slice,
    SortKey,
)
from penstock.reading.estimate import AT_ONCE
from penstock.reading.reader import Reader
from penstock.reading.scan import scan
from penstock.reading.sql import TextTypes
from penstock.web.downloads.paging import following_unread, known_rows, read_page, rows_before

ROWS = 120
OUTPUTS = (Output("n", ColumnRef("n")), Output("few", ColumnRef("few")))
ODD = Compare(ColumnRef("odd"), "=", Constant(1, "BIGINT"))
WANTED = {
    "file order": Slice(outputs=OUTPUTS),
    "filtered": Slice(outputs=OUTPUTS, predicate=ODD),
    "nothing": Slice(
        outputs=OUTPUTS, predicate=Compare(ColumnRef("n"), "<", Constant(0, "BIGINT"))
    ),
    "sorted": Slice(outputs=OUTPUTS, sort=(SortKey(ColumnRef("few"), descending=True),)),
    "filtered and sorted": Slice(outputs=OUTPUTS, predicate=ODD, sort=(SortKey(ColumnRef("few")),)),
    "distinct": Slice(outputs=OUTPUTS[1:], distinct=True),
    "grouped": Slice(
        outputs=(OUTPUTS[1], Output("rows", Aggregate("count"))),
        grouped=True,
        group=(ColumnRef("few"),),
    ),
}


@pytest.fixture(scope="module")
def reader(root: Path) -> Iterator[Reader]:
    with reader_over(root, batch_rows=7) as made:
        yield made


@pytest.fixture(scope="module")
def things(reader: Reader, root: Path) -> Dataset:
    def part(start: int, stop: int) -> pa.Table:
        numbers = range(start, stop)
        few = [None if number % 11 == 0 else f"v{number % 5}" for number in numbers]
        return pa.table(
            {"n": pa.array(numbers, pa.int64()), "few": few, "odd": [n % 2 for n in numbers]}
        )

    return dataset_of(reader, root, part(0, 50), part(50, ROWS), group_rows=20)


def whole(reader: Reader, things: Dataset, wanted: Slice) -> list[dict[str, object]]:
    """All rows, read in one go."""
    batches = scan(reader, things, wanted, text=TextTypes(), allowance=minute(), pace=AT_ONCE)
    rows: list[dict[str, object]] = pa.Table.from_batches(
        [batch.rows for batch in batches]
    ).to_pylist()
    return rows


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(WANTED)), st.integers(1, ROWS + 5), st.integers(0, 9))
def test_the_pages_one_after_the_other_are_the_whole(
    reader: Reader, things: Dataset, name: str, limit: int, offset: int
) -> None:
    wanted = WANTED[name]
    rows: list[dict[str, object]] = []
    page = Page(limit=limit, offset=offset)
    position: Position | None = None
    while True:
        held = read_page(
            reader,
            things,
            replace(wanted, page=page),
            text=TextTypes(),
            allowance=minute(),
        )
        assert held is not None
        found = pa.Table.from_batches([batch.rows for batch in held.batches]).to_pylist()
        assert len(found) == held.rows <= limit
        rows += found
        position = held.following
        if position is None:
            break
        assert held.rows == limit
        assert position.rows == offset + len(rows)
        page = Page(limit=limit, after=position)
    assert rows == whole(reader, things, wanted)[offset:]


@pytest.mark.parametrize("name", WANTED)
def test_a_link_that_is_made_unread_leads_to_the_same_rows(
    reader: Reader, things: Dataset, name: str
) -> None:
    wanted = WANTED[name]
    everything = whole(reader, things, wanted)
    for limit in (1, 7, len(everything) or 1, ROWS):
        rows: list[dict[str, object]] = []
        page = Page(limit=limit)
        while True:
            asked = replace(wanted, page=page)
            rows += whole(reader, things, asked)
            position = following_unread(reader, things, asked)
            if position is None:
                break
            page = Page(limit=limit, after=position)
        assert rows == everything


def test_a_page_without_a_limit_or_beyond_ten_thousand_rows_isnt_held(
    reader: Reader, things: Dataset
) -> None:
    for limit in (None, 10_001):
        wanted = replace(WANTED["sorted"], page=Page(limit=limit))
        assert read_page(reader, things, wanted, text=TextTypes(), allowance=minute()) is None


def test_a_page_of_no_rows_has_a_schema_and_no_next_page(reader: Reader, things: Dataset) -> None:
    wanted = replace(WANTED["file order"], page=Page(limit=0))
    held = read_page(reader, things, wanted, text=TextTypes(), allowance=minute())
    assert held is not None
    assert (held.rows, held.following) == (0, None)
    assert held.batches[0].rows.schema.names == ["n", "few"]
    assert following_unread(reader, things, wanted) is None


@given(st.integers(0, ROWS + 9), st.none() | st.integers(0, ROWS + 9), st.integers(0, ROWS))
def test_rows_are_known_from_the_footers_where_nothing_is_filtered(
    reader: Reader, things: Dataset, offset: int, limit: int | None, seen: int
) -> None:
    for after in (None, AfterRows(seen), AfterKeys((), seen - 1, seen)):
        page = Page(limit=limit, offset=offset, after=after)
        left = max(0, ROWS - offset - (0 if after is None else seen))
        expected = left if limit is None else min(left, limit)
        wanted = replace(WANTED["file order"], page=page)
        assert known_rows(things, wanted) == expected
        assert rows_before(wanted) == offset + (0 if after is None else seen)
        for name in ("filtered", "distinct", "grouped"):
            assert known_rows(things, replace(WANTED[name], page=page)) is None
