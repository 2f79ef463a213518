"""Parquet and Arrow: what is read is what was written, in bounded groups, byte for byte again."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import batches, splits, types, untimed
from tests.unit.formats.read_back import encoded, stored

from penstock.errors import UnrepresentableError
from penstock.formats import named, parquet
from penstock.formats.columns.groups import gathered, row_bytes
from penstock.model.format import Style


@untimed
@given(batches(types))
def test_an_arrow_stream_reads_back_equal(batch: pa.RecordBatch) -> None:
    read = pa.ipc.open_stream(encoded("arrow", batch)).read_all()
    assert read.schema == batch.schema
    for before, after in zip(batch.columns, read.columns, strict=True):
        assert stored(after.combine_chunks()) == stored(before)


@untimed
@given(batches(types))
def test_a_parquet_file_reads_back_equal(batch: pa.RecordBatch) -> None:
    read = pq.read_table(io.BytesIO(encoded("parquet", batch)))
    assert read.column_names == batch.schema.names
    for before, after in zip(batch.columns, read.columns, strict=True):
        column = after.combine_chunks()
        if pa.types.is_timestamp(before.type) or pa.types.is_time(before.type):
            column = column.cast(before.type)
        assert stored(column) == stored(before)


def test_a_parquet_file_has_row_groups_of_bounded_rows_and_a_page_index() -> None:
    batch = pa.RecordBatch.from_pydict({"n": pa.array(range(60_000), pa.int64())})
    data = encoded("parquet", batch, batch, batch, batch)
    file = pq.ParquetFile(io.BytesIO(data))
    sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    assert sizes == [100_000, 100_000, 40_000]
    column = file.metadata.row_group(0).column(0)
    assert column.compression == "ZSTD"
    assert column.has_column_index
    assert column.has_offset_index
    assert column.statistics.max == 59_999


def test_a_parquet_file_of_large_rows_has_smaller_row_groups() -> None:
    batch = pa.RecordBatch.from_pydict({"s": ["x" * 100_000] * 200})
    file = pq.ParquetFile(io.BytesIO(encoded("parquet", batch, batch)))
    sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    assert sizes == [84, 84, 84, 84, 64]
    assert sizes[0] == -(-parquet.MAX_GROUP_BYTES // 100_008)


def test_a_parquet_file_without_rows_has_its_schema() -> None:
    schema = pa.schema([("a", pa.int32()), ("b", pa.list_(pa.string()))])
    for source in ([], [schema.empty_table().combine_chunks().to_batches()]):
        flat = [batch for group in source for batch in group]
        data = b"".join(named("parquet").encode(flat, schema, Style()))
        read = pq.read_table(io.BytesIO(data))
        assert (read.num_rows, read.column_names) == (0, ["a", "b"])


def test_an_arrow_stream_without_rows_has_its_schema() -> None:
    schema = pa.schema([("a", pa.int32())])
    data = b"".join(named("arrow").encode([], schema, Style()))
    assert pa.ipc.open_stream(data).read_all() == schema.empty_table()


def test_the_first_bytes_of_a_parquet_file_come_with_the_first_batch() -> None:
    batch = pa.RecordBatch.from_pydict({"a": [1]})
    assert next(named("parquet").encode(iter([batch] * 3), batch.schema, Style())) == b"PAR1"


@pytest.mark.parametrize(
    "kind",
    [
        pa.month_day_nano_interval(),
        pa.dense_union([pa.field("a", pa.int32())]),
        pa.list_(pa.struct([])),
        pa.decimal128(5, -2),
        pa.dictionary(pa.int8(), pa.list_(pa.int32())),
        pa.list_(pa.struct([("a", pa.string_view())])),
    ],
    ids=str,
)
def test_a_type_that_parquet_lacks_is_refused_by_name(kind: pa.DataType) -> None:
    schema = pa.schema([("fine", pa.int32()), ("odd", kind)])
    with pytest.raises(UnrepresentableError) as refusal:
        next(named("parquet").encode(iter([]), schema, Style()))
    assert refusal.value.facts["column"] == "odd"


def test_what_lies_under_a_null_is_not_sent() -> None:
    def batch(under: bytes) -> pa.RecordBatch:
        bits = pa.py_buffer(b"\xfd")
        numbers = pa.Array.from_buffers(pa.int64(), 2, [bits, pa.py_buffer(b"\1" * 8 + under * 8)])
        nested = pa.StructArray.from_arrays([numbers], names=["n"], mask=pa.array([False, True]))
        flags = pa.Array.from_buffers(pa.bool_(), 2, [None, pa.py_buffer(under)])
        return pa.RecordBatch.from_arrays([numbers, nested, flags], names=["n", "s", "b"])

    assert encoded("arrow", batch(b"\x01")) == encoded("arrow", batch(b"\xf1"))


@untimed
@given(st.data(), st.integers(1, 9), st.integers(1, 200))
def test_groups_depend_on_rows_alone(data: st.DataObject, max_rows: int, max_bytes: int) -> None:
    batch = data.draw(batches(types))

    def groups(*parts: pa.RecordBatch) -> list[pa.Table]:
        lists = gathered(parts, batch.schema, max_rows=max_rows, max_bytes=max_bytes)
        return [table for tables in lists for table in tables]

    whole, cut = groups(batch), groups(*data.draw(splits(batch)))
    assert [table.num_rows for table in whole] == [table.num_rows for table in cut]
    assert sum(table.num_rows for table in whole) == batch.num_rows
    for table in whole:
        assert 1 <= table.num_rows <= max_rows
        weights = row_bytes(table.combine_chunks().to_batches()[0]).to_pylist()
        assert sum(weights[:-1]) < max_bytes
