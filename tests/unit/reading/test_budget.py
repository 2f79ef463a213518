import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import BudgetExceededError
from penstock.reading.budget import within_bytes, within_rows
from penstock.reading.reader import Batch

SIZES = st.lists(st.integers(0, 20))


def batches_of(sizes: list[int]) -> list[Batch]:
    return [Batch(rows=pa.record_batch({"n": pa.array(range(size), pa.int64())})) for size in sizes]


def fitting(sizes: list[int], limit: int) -> int:
    """How many of them lie within the limit together."""
    return sum(sum(sizes[: count + 1]) <= limit for count in range(len(sizes)))


@given(SIZES, st.integers(0, 100))
def test_batches_pass_until_one_would_cross_the_rows(sizes: list[int], limit: int) -> None:
    batches = batches_of(sizes)
    passed: list[Batch] = []
    try:
        passed.extend(within_rows(batches, max_rows=limit))
    except BudgetExceededError as error:
        facts = dict(error.facts)
        assert facts == {"limit": limit, "reached": facts["reached"], "unit": "rows"}
        assert sum(sizes) > limit
    else:
        assert sum(sizes) <= limit
        assert passed == batches


@given(SIZES, st.integers(0, 100))
def test_pieces_pass_until_one_would_cross_the_bytes(sizes: list[int], limit: int) -> None:
    pieces = [bytes(size) for size in sizes]
    budget = within_bytes(pieces, max_bytes=limit)
    passed = [next(budget) for _ in range(fitting(sizes, limit))]
    assert passed == pieces[: len(passed)]
    if sum(sizes) > limit:
        with pytest.raises(BudgetExceededError) as raised:
            next(budget)
        assert raised.value.facts["limit"] == limit
    else:
        assert next(budget, None) is None


@given(SIZES)
def test_without_a_limit_everything_passes(sizes: list[int]) -> None:
    batches, pieces = batches_of(sizes), [bytes(size) for size in sizes]
    assert list(within_rows(batches, max_rows=None)) == batches
    assert list(within_bytes(pieces, max_bytes=None)) == pieces
