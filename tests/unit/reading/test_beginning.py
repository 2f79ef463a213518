"""Beginnings: what is in hand of an answer before it is decided whether it is sent."""

from pathlib import Path

import pyarrow as pa
import pytest
from tests.reading_parts import dataset_of, minute, reader_over

from penstock.errors import ResponseTooLargeError
from penstock.formats import named
from penstock.model.dataset import Dataset
from penstock.model.format import Style
from penstock.model.slice import ColumnRef, Compare, Constant, Output, Slice
from penstock.reading.beginning import Beginning, beginning_of
from penstock.reading.encoded import AnswerCaps
from penstock.reading.engine import Allowance
from penstock.reading.estimate import AT_ONCE, refuse_if_too_large
from penstock.reading.reader import Reader
from penstock.reading.sql import TextTypes

OUTPUTS = (Output("n", ColumnRef("n")),)


def below(bound: int) -> Slice:
    return Slice(outputs=OUTPUTS, predicate=Compare(ColumnRef("n"), "<", Constant(bound, "BIGINT")))


def begin(reader: Reader, dataset: Dataset, wanted: Slice) -> Beginning:
    return beginning_of(reader, dataset, wanted, text=TextTypes(), allowance=minute(), pace=AT_ONCE)


def values(beginning: Beginning) -> list[int]:
    return [value for batch in beginning.taken() for value in batch.rows.column(0).to_pylist()]


def numbers(rows: int) -> pa.Table:
    return pa.table({"n": list(range(rows))})


@pytest.mark.parametrize(
    ("bound", "known"), [(0, 0), (1, 1), (99, 99), (100, None), (101, None), (3000, None)]
)
def test_the_rows_of_an_answer_shorter_than_a_batch_are_known(
    tmp_path: Path, bound: int, known: int | None
) -> None:
    with reader_over(tmp_path, batch_rows=100) as reader:
        beginning = begin(reader, dataset_of(reader, tmp_path, numbers(3000)), below(bound))
        assert beginning.all_rows == known
        assert sum(batch.rows.num_rows for batch in beginning.first(10)) == min(bound, 10)
        assert values(beginning) == list(range(bound))


def test_the_rows_of_further_files_are_not_waited_for(tmp_path: Path) -> None:
    with reader_over(tmp_path, batch_rows=100) as reader:
        dataset = dataset_of(reader, tmp_path, numbers(50), numbers(50))
        beginning = begin(reader, dataset, below(10))
        assert beginning.all_rows is None
        assert values(beginning) == [*range(10), *range(10)]


def test_a_beginning_that_is_dropped_gives_its_slot_back(tmp_path: Path) -> None:
    with reader_over(tmp_path, slots=1, batch_rows=100) as reader:
        dataset = dataset_of(reader, tmp_path, numbers(3000))
        for _ in range(3):
            begin(reader, dataset, below(2000)).drop()
        assert values(begin(reader, dataset, below(2000))) == list(range(2000))


def test_what_has_begun_is_counted_in_its_own_slot(tmp_path: Path) -> None:
    with reader_over(tmp_path, slots=1, batch_rows=100) as reader:
        dataset = dataset_of(reader, tmp_path, numbers(3000))
        beginning = begin(reader, dataset, below(2000))
        with pytest.raises(ResponseTooLargeError) as refused:
            refuse_if_too_large(
                reader,
                dataset,
                below(2000),
                written=named("csv"),
                style=Style(),
                caps=AnswerCaps(rows=1999),
                allowance=Allowance(seconds=60),
                beginning=beginning,
            )
        assert refused.value.facts["estimated"] == 2000
        beginning.drop()
