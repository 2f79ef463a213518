import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.reading_parts import dataset_of, minute, reader_over

from penstock.errors import (
    DatasetChangedError,
    QueryTimeoutError,
    ScanCancelledError,
    ScanQueueFullError,
    SpillExceededError,
)
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
    Slice,
    SortKey,
)
from penstock.reading.counting import count_rows
from penstock.reading.engine import Allowance
from penstock.reading.estimate import AT_ONCE
from penstock.reading.reader import Batch, Reader
from penstock.reading.scan import scan
from penstock.reading.sql import TextTypes

ROWS = 5000
OUTPUTS = (Output("n", ColumnRef("n")), Output("Name", ColumnRef("Name")))
EVEN = Compare(ColumnRef("parity"), "=", Constant(0, "BIGINT"))


def table(start: int, stop: int) -> pa.Table:
    numbers = range(start, stop)
    return pa.table(
        {
            "n": pa.array(numbers, pa.int64()),
            "name": [f"lower {number}" for number in numbers],
            "Name": [f"upper {number}" for number in numbers],
            "parity": [number % 2 for number in numbers],
            "x": [None if number % 3 == 0 else float(number % 7) for number in numbers],
        }
    )


@pytest.fixture(scope="module")
def things(reader: Reader, root: Path) -> Dataset:
    return dataset_of(reader, root, table(0, 2000), table(2000, 2000), table(2000, ROWS))


class Stumbling:
    """A reader that falls behind at every look, and counts how often it was waited for."""

    def __init__(self) -> None:
        self.waits = 0

    def is_slow(self) -> bool:
        return True

    def wait(self) -> None:
        self.waits += 1


def numbers(batches: Iterator[Batch]) -> list[int]:
    return [number for batch in batches for number in batch.rows.column(0).to_pylist()]


def read(reader: Reader, dataset: Dataset, wanted: Slice, **more: object) -> Iterator[Batch]:
    settings: dict[str, object] = {"text": TextTypes(), "allowance": minute(), "pace": AT_ONCE}
    return scan(reader, dataset, wanted, **{**settings, **more})  # type: ignore[arg-type]


def test_rows_of_several_files_come_in_the_order_of_the_files(
    reader: Reader, things: Dataset
) -> None:
    assert numbers(read(reader, things, Slice(outputs=OUTPUTS))) == list(range(ROWS))


def test_names_that_differ_in_case_alone_are_two_columns(reader: Reader, things: Dataset) -> None:
    wanted = Slice(
        outputs=(Output("name", ColumnRef("name")), Output("Name", ColumnRef("Name"))),
        page=Page(limit=1),
    )
    (batch,) = list(read(reader, things, wanted))
    assert batch.rows.to_pylist() == [{"name": "lower 0", "Name": "upper 0"}]


@pytest.mark.parametrize("predicate", [None, EVEN])
def test_a_slow_reader_gets_the_same_rows_from_several_queries(
    reader: Reader, things: Dataset, predicate: Compare | None
) -> None:
    wanted = Slice(outputs=OUTPUTS, predicate=predicate)
    pace = Stumbling()
    slowly = numbers(read(reader, things, wanted, pace=pace))
    assert slowly == numbers(read(reader, things, wanted))
    assert pace.waits >= 3


def test_a_slot_is_free_while_a_slow_reader_is_waited_for(root: Path) -> None:
    class Watching(Stumbling):
        free_while_waiting = 0

        def wait(self) -> None:
            with one.slots.slot(minute()):
                self.free_while_waiting += 1

    with reader_over(root, slots=1) as one:
        dataset = dataset_of(one, root, table(0, 3000), name="watched")
        pace = Watching()
        assert len(numbers(read(one, dataset, Slice(outputs=OUTPUTS), pace=pace))) == 3000
    assert pace.free_while_waiting == 2


def test_a_long_scan_steps_back_for_a_new_one(root: Path) -> None:
    with reader_over(root, slots=1) as one:
        dataset = dataset_of(one, root, table(0, 3000), name="shared")
        long = read(one, dataset, Slice(outputs=OUTPUTS))
        next(long)
        short = threading.Thread(
            target=lambda: numbers(read(one, dataset, Slice(outputs=OUTPUTS, page=Page(limit=1))))
        )
        short.start()
        rest = numbers(long)
        short.join()
        assert rest[-1] == 2999


def test_a_scan_that_gets_no_slot_in_time_is_refused(root: Path) -> None:
    with reader_over(root, slots=1) as one:
        dataset = dataset_of(one, root, table(0, 10), name="queued")
        with one.slots.slot(minute()), pytest.raises(ScanQueueFullError):
            next(read(one, dataset, Slice(outputs=OUTPUTS)))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    limit=st.none() | st.integers(0, 6000),
    offset=st.integers(0, 6000),
    after=st.none()
    | st.integers(0, ROWS).map(lambda n: AfterKeys((), n))
    | st.integers(0, ROWS).map(AfterRows),
    filtered=st.booleans(),
)
def test_pages_cut_the_answer_where_python_would(
    reader: Reader,
    things: Dataset,
    limit: int | None,
    offset: int,
    after: AfterKeys | AfterRows | None,
    *,
    filtered: bool,
) -> None:
    page = Page(limit=limit, offset=offset, after=after)
    wanted = Slice(outputs=OUTPUTS, predicate=EVEN if filtered else None, page=page)
    rows = [n for n in range(ROWS) if not filtered or n % 2 == 0]
    if isinstance(after, AfterKeys):
        rows = [n for n in rows if n > after.place]
    elif after is not None:
        rows = rows[after.rows :]
    rows = rows[offset:]
    assert numbers(read(reader, things, wanted)) == (rows if limit is None else rows[:limit])


def test_pages_of_a_sorted_answer_join_without_a_gap(reader: Reader, things: Dataset) -> None:
    wanted = Slice(
        outputs=OUTPUTS, sort=(SortKey(ColumnRef("x"), descending=True), SortKey(ColumnRef("n")))
    )
    whole = numbers(read(reader, things, wanted))
    assert sorted(whole) == list(range(ROWS))
    assert whole[-1] == max(n for n in range(ROWS) if n % 3 == 0)
    paged: list[int] = []
    after: AfterKeys | None = None
    for _ in range(6):
        page = Slice(outputs=wanted.outputs, sort=wanted.sort, page=Page(limit=900, after=after))
        batches = list(read(reader, things, page, with_keys=True))
        paged += numbers(iter(batches))
        after = batches[-1].position(batches[-1].rows.num_rows - 1)
    assert paged == whole


def test_an_equal_sort_key_keeps_the_order_of_the_files(reader: Reader, things: Dataset) -> None:
    wanted = Slice(outputs=OUTPUTS, sort=(SortKey(ColumnRef("parity")),))
    expected = sorted(range(ROWS), key=lambda n: (n % 2, n))
    assert numbers(read(reader, things, wanted)) == expected


def test_groups_come_in_the_order_of_all_their_columns(reader: Reader, things: Dataset) -> None:
    wanted = Slice(
        outputs=(
            Output("x", ColumnRef("x")),
            Output("n", Aggregate("count")),
        ),
        grouped=True,
        group=(ColumnRef("x"),),
    )
    rows = [row for batch in read(reader, things, wanted) for row in batch.rows.to_pylist()]
    assert [row["x"] for row in rows] == [0, 1, 2, 3, 4, 5, 6, None]
    assert sum(row["n"] for row in rows) == ROWS
    assert count_rows(reader, things, wanted, allowance=minute()) == 8


def test_distinct_rows_are_sorted_by_key_and_then_by_all_columns(
    reader: Reader, things: Dataset
) -> None:
    wanted = Slice(
        outputs=(Output("p", ColumnRef("parity")), Output("x", ColumnRef("x"))),
        distinct=True,
        sort=(SortKey(ColumnRef("parity"), descending=True),),
    )
    rows = [tuple(row.values()) for b in read(reader, things, wanted) for row in b.rows.to_pylist()]
    assert [row[0] for row in rows] == [1] * 8 + [0] * 8
    assert [row[1] for row in rows[:8]] == [0, 1, 2, 3, 4, 5, 6, None]


def test_no_rows_are_one_empty_batch_with_the_schema(reader: Reader, things: Dataset) -> None:
    nothing = Compare(ColumnRef("n"), "<", Constant(0, "BIGINT"))
    for wanted in (
        Slice(outputs=OUTPUTS, predicate=nothing),
        Slice(outputs=OUTPUTS, predicate=nothing, sort=(SortKey(ColumnRef("x")),)),
    ):
        (batch,) = list(read(reader, things, wanted))
        assert batch.rows.num_rows == 0
        assert batch.rows.schema.names == ["n", "Name"]


def test_a_file_without_row_groups_is_an_empty_answer(root: Path) -> None:
    with reader_over(root) as one:
        dataset = dataset_of(one, root, table(0, 0), name="empty")
        for wanted in (Slice(outputs=OUTPUTS), Slice(outputs=OUTPUTS, predicate=EVEN)):
            assert numbers(read(one, dataset, wanted, pace=Stumbling())) == []


def test_a_file_that_changes_in_mid_scan_ends_it(root: Path) -> None:
    looks = iter([True, True, False])
    with reader_over(root, is_stored=lambda _: next(looks)) as one:
        dataset = dataset_of(one, root, table(0, 3000), name="changing")
        batches = read(one, dataset, Slice(outputs=OUTPUTS))
        assert [len(numbers(iter([next(batches)]))) for _ in range(2)] == [100, 100]
        with pytest.raises(DatasetChangedError):
            next(batches)


def test_a_cancelled_scan_stops_at_its_next_batch(reader: Reader, things: Dataset) -> None:
    allowance = minute()
    batches = read(reader, things, Slice(outputs=OUTPUTS), allowance=allowance)
    next(batches)
    allowance.cancel()
    with pytest.raises(ScanCancelledError):
        list(batches)


def test_a_scan_out_of_time_is_ended(reader: Reader, things: Dataset) -> None:
    with pytest.raises(QueryTimeoutError):
        list(read(reader, things, Slice(outputs=OUTPUTS), allowance=Allowance(seconds=0)))


def test_a_sort_beyond_its_budget_is_refused_before_its_first_batch(root: Path) -> None:
    wide = pa.table({"n": range(60_000), "text": [f"{n:0>1500}" for n in range(60_000)]})
    outputs = (Output("text", ColumnRef("text")),)
    wanted = Slice(outputs=outputs, sort=(SortKey(ColumnRef("n"), descending=True),))
    with reader_over(root, memory_bytes=40_000_000, spill_bytes=1_000_000) as one:
        dataset = dataset_of(one, root, wide, name="wide", group_rows=5000)
        with pytest.raises(SpillExceededError) as refused:
            next(read(one, dataset, wanted))
        assert refused.value.facts["limit"] == 1_000_000


def test_a_sort_larger_than_memory_spills_and_succeeds(root: Path) -> None:
    wide = pa.table({"n": range(400_000), "text": [f"{n:0>600}" for n in range(400_000)]})
    wanted = Slice(
        outputs=(Output("n", ColumnRef("n")), Output("text", ColumnRef("text"))),
        sort=(SortKey(ColumnRef("n"), descending=True),),
    )
    with reader_over(root, memory_bytes=256_000_000) as one:
        dataset = dataset_of(one, root, wide, name="spilling", group_rows=20_000)
        assert numbers(read(one, dataset, wanted)) == list(range(399_999, -1, -1))
