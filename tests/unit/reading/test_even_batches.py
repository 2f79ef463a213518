import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from penstock.reading.even_batches import even

SCHEMA = pa.schema({"n": pa.int64(), "s": pa.string()})


def batch(start: int, stop: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(
        [{"n": n, "s": f"row {n}"} for n in range(start, stop)], schema=SCHEMA
    )


def cut(sizes: list[int]) -> list[pa.RecordBatch]:
    """Batches of these sizes, numbered on from one to the next."""
    batches, place = [], 0
    for size in sizes:
        batches.append(batch(place, place + size))
        place += size
    return batches


@given(st.lists(st.integers(0, 30), min_size=1), st.integers(1, 25))
def test_every_batch_has_as_many_rows_as_were_asked_for_but_the_last(
    sizes: list[int], rows: int
) -> None:
    made = list(even(cut(sizes), rows=rows))
    full, rest = divmod(sum(sizes), rows)
    expected = [rows] * full + [rest] * (rest > 0)
    assert [each.num_rows for each in made] == (expected or [0])
    assert pa.Table.from_batches(made, SCHEMA).equals(
        pa.Table.from_batches([batch(0, sum(sizes))], SCHEMA)
    )


@given(st.integers(0, 100), st.lists(st.integers(0, 100)), st.integers(1, 25))
def test_the_batches_depend_on_the_rows_alone(total: int, cuts: list[int], rows: int) -> None:
    places = sorted({0, total, *(min(place, total) for place in cuts)})
    sizes = [stop - start for start, stop in zip(places, places[1:] or [total], strict=False)]
    assert list(even(cut(sizes), rows=rows)) == list(even(cut([total]), rows=rows))


def test_no_batches_stay_none() -> None:
    assert list(even([], rows=5)) == []


def test_empty_batches_become_one_that_tells_the_schema() -> None:
    assert [each.schema for each in even(cut([0, 0]), rows=5)] == [SCHEMA]


def test_a_batch_is_given_as_soon_as_it_is_full() -> None:
    batches = iter(cut([3, 3, 3]))
    first = next(even(batches, rows=5))
    assert first.num_rows == 5
    assert next(batches).num_rows == 3
