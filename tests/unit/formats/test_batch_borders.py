"""Where batches begin and end, how they are sliced and who writes them changes no byte."""

from collections.abc import Iterator
from typing import NoReturn

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import batches, splits, types, untimed
from tests.unit.formats.read_back import encoded

from penstock.formats import all_formats, named
from penstock.formats.rows import weave
from penstock.model.format import Pieces, Style

TEXT = ["csv", "json", "ndjson"]


@pytest.mark.parametrize("extension", [*TEXT, "parquet"])
@untimed
@given(data=st.data())
def test_the_borders_of_batches_change_no_byte(extension: str, data: st.DataObject) -> None:
    batch = data.draw(batches(types))
    cut = data.draw(splits(batch))
    assert encoded(extension, *cut) == encoded(extension, batch)


@pytest.mark.parametrize("extension", TEXT)
def test_the_borders_of_portions_change_no_byte(
    extension: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"a": "x" * row, "b": row, "c": [row]} for row in range(50)]
    batch = pa.RecordBatch.from_pylist(rows)
    whole = encoded(extension, batch)
    monkeypatch.setattr(weave, "MAX_ELEMENTS", 63)
    monkeypatch.setattr(weave, "MAX_DECODED_BYTES", 100)
    assert encoded(extension, batch) == whole


@pytest.mark.parametrize("extension", TEXT)
def test_a_row_of_wide_offsets_is_written_like_any_other(
    extension: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = pa.RecordBatch.from_pydict({"a": ['x"y', "z", None], "b": [1, 2, 3]})
    whole = encoded(extension, batch)
    monkeypatch.setattr(weave, "MAX_INT32", 1)
    assert encoded(extension, batch) == whole


@pytest.mark.parametrize(
    "extension", [one.extension for one in all_formats().values() if one.pieces]
)
@untimed
@given(data=st.data())
def test_the_pieces_joined_are_the_file(extension: str, data: st.DataObject) -> None:
    cut = data.draw(splits(data.draw(batches())))
    style = data.draw(st.sampled_from([Style(), Style(excel=True, null="NA", int64_as_text=True)]))
    pieces = named(extension).pieces
    assert isinstance(pieces, Pieces)
    bodies = [b"".join(body) for batch in reversed(cut) if (body := pieces.body(batch, style))]
    head = pieces.head(cut[0].schema, style)
    joined = head + pieces.separator.join(reversed(bodies)) + pieces.tail
    assert encoded(extension, *cut, style=style) == joined


@pytest.mark.parametrize("extension", list(all_formats()))
def test_one_batch_is_pulled_at_a_time_and_each_yields(extension: str) -> None:
    batch = pa.RecordBatch.from_pydict({"a": [1, 2, 3]})
    pulled = 0

    def source() -> Iterator[pa.RecordBatch]:
        nonlocal pulled
        for _ in range(5):
            pulled += 1
            yield batch

    pieces = named(extension).encode(source(), batch.schema, Style())
    assert pulled == 0
    next(pieces)
    assert pulled == 1
    steps = 1
    while pulled < 5:
        before = pulled
        next(pieces)
        steps += 1
        assert pulled - before <= 1
    assert steps >= 5


@pytest.mark.parametrize("extension", list(all_formats()))
def test_a_source_that_fails_fails_the_file(extension: str) -> None:
    batch = pa.RecordBatch.from_pydict({"a": [1]})

    def source() -> Iterator[pa.RecordBatch]:
        yield batch
        raise ConnectionError

    with pytest.raises(ConnectionError):
        list(named(extension).encode(source(), batch.schema, Style()))
    with pytest.raises(ConnectionError):
        next(named(extension).encode(iter(_fail, None), batch.schema, Style()))


def _fail() -> NoReturn:
    raise ConnectionError
