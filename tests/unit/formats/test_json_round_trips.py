"""Any batch written as JSON or NDJSON and read by Python's own json module is the batch again."""

import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import batches, scalar_types, texts, types, untimed
from tests.unit.formats.read_back import encoded, stored, value_of

from penstock.model.format import Style

exactly = partial(json.loads, parse_float=Decimal, parse_constant=pytest.fail)


def rows_of(extension: str, data: bytes) -> list[dict[str, object]]:
    if extension == "json":
        return list(exactly(data))
    assert data == b"" or data.endswith(b"\n")
    return [exactly(line) for line in data.decode().split("\n")[:-1]]


def read(value: object, kind: pa.DataType) -> object:
    """Bring what json read into the form that `stored` gives, by the column's type."""
    test = pa.types
    if value is None:
        return None
    if test.is_dictionary(kind):
        return value
    if test.is_struct(kind):
        assert isinstance(value, dict)
        return {field.name: read(value[field.name], field.type) for field in kind}
    if test.is_map(kind):
        assert isinstance(value, dict)
        return [(key, read(item, kind.item_type)) for key, item in value.items()]
    if test.is_nested(kind):
        assert isinstance(value, list)
        return [read(item, kind.value_type) for item in value]
    if test.is_boolean(kind):
        assert isinstance(value, bool)
        return value
    if test.is_integer(kind):
        assert isinstance(value, int)
        return value
    if test.is_floating(kind) or test.is_decimal(kind):
        assert isinstance(value, (Decimal, int))
        plain = str(value) if test.is_floating(kind) or isinstance(value, int) else f"{value:f}"
        return value_of(plain, kind)
    assert isinstance(value, str)
    return value_of(value, kind)


def without_nan(value: object) -> object:
    """What JSON keeps: NaN and the infinities are null, at any depth."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_nan(item) for item in value]
    if isinstance(value, tuple):
        return tuple(without_nan(item) for item in value)
    return value


@pytest.mark.parametrize("extension", ["json", "ndjson"])
@untimed
@given(batch=batches(types))
def test_python_reads_back_every_value_of_every_type(extension: str, batch: pa.RecordBatch) -> None:
    rows = rows_of(extension, encoded(extension, batch))
    assert len(rows) == batch.num_rows
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        may_hold_nan = pa.types.is_nested(column.type) or pa.types.is_floating(column.type)
        values = column.to_pylist() if may_hold_nan else stored(column)
        assert [read(row[name], column.type) for row in rows] == list(map(without_nan, values))


def is_written_alike(kind: pa.DataType) -> bool:
    """Floats aren't: of `1e10` and `1.0e10`, each writer has its own."""
    return not pa.types.is_floating(kind)


def is_quick(kind: pa.DataType) -> bool:
    return is_written_alike(kind) and not pa.types.is_decimal(kind)


@untimed
@given(batches(lambda: types().filter(is_written_alike)))
def test_both_formats_hold_the_same_lines(batch: pa.RecordBatch) -> None:
    array, lines = encoded("json", batch), encoded("ndjson", batch)
    assert array == b"[" + lines.removesuffix(b"\n").replace(b"\n", b",\n") + b"]\n"


@untimed
@given(
    batches(lambda: scalar_types().filter(is_quick)),
    st.booleans().map(lambda as_text: Style(int64_as_text=as_text)),
)
def test_the_writer_of_quick_columns_gives_the_bytes_of_weaving(
    batch: pa.RecordBatch, style: Style
) -> None:
    array, lines = encoded("json", batch, style=style), encoded("ndjson", batch, style=style)
    assert array == b"[" + lines.removesuffix(b"\n").replace(b"\n", b",\n") + b"]\n"


@untimed
@given(st.lists(texts()))
def test_strings_are_escaped_as_python_escapes_them(values: list[str]) -> None:
    batch = pa.RecordBatch.from_pydict({"a": pa.array(values, pa.string())})
    expected = [
        json.dumps({"a": value}, ensure_ascii=False, separators=(",", ":")) for value in values
    ]
    assert encoded("ndjson", batch).decode() == "".join(line + "\n" for line in expected)


def test_whole_columns_of_64_bit_integers_are_strings_when_asked() -> None:
    batch = pa.RecordBatch.from_pydict(
        {
            "a": pa.array([2**63 - 1, None], pa.int64()),
            "b": pa.array([2**64 - 1, 0], pa.uint64()),
            "c": pa.array([1, 2], pa.int32()),
            "d": pa.array([[1], None], pa.list_(pa.int64())),
        }
    )
    assert encoded("ndjson", batch, style=Style(int64_as_text=True)).decode() == (
        '{"a":"9223372036854775807","b":"18446744073709551615","c":1,"d":[1]}\n'
        '{"a":null,"b":"0","c":2,"d":null}\n'
    )


def test_keys_of_a_map_that_are_no_text_become_strings() -> None:
    maps = pa.array([[(1, 1.5)], [], None, [(-2, None)]], pa.map_(pa.int32(), pa.float64()))
    batch = pa.RecordBatch.from_pydict({"m": maps}).slice(0, 4)
    assert encoded("ndjson", batch).decode() == (
        '{"m":{"1":1.5}}\n{"m":{}}\n{"m":null}\n{"m":{"-2":null}}\n'
    )


def test_nested_moments_decimals_and_bytes_are_written_as_at_the_top() -> None:
    row = {"d": date(2024, 5, 1), "t": datetime(2024, 5, 1, 12, tzinfo=UTC), "n": Decimal("0.50")}
    batch = pa.RecordBatch.from_pydict({"a": [[row, None]], "b": [[b"\xff", None]]})
    assert encoded("ndjson", batch).decode() == (
        '{"a":[{"d":"2024-05-01","t":"2024-05-01T12:00:00Z","n":0.50},null],"b":["FF",null]}\n'
    )


def test_maps_are_objects_wherever_they_are_sliced() -> None:
    kind = pa.map_(pa.string(), pa.list_(pa.map_(pa.int8(), pa.null())))
    rows: list[object] = [
        [("a", [[(1, None)], []])],
        None,
        [],
        [("b", None), ("c", [None])],
        [("d", [])],
    ]
    batch = pa.RecordBatch.from_pydict({"m": pa.array(rows, kind)})
    lines = encoded("ndjson", batch).decode().splitlines()
    assert lines[0] == '{"m":{"a":[{"1":null},{}]}}'
    assert lines[3] == '{"m":{"b":null,"c":[null]}}'
    for start in range(5):
        assert encoded("ndjson", batch.slice(start)).decode().splitlines() == lines[start:]
        assert encoded("ndjson", batch.slice(start, 1)).decode().splitlines() == [lines[start]]


def test_what_lies_under_a_null_list_is_not_written() -> None:
    lists = pa.ListArray.from_arrays(
        pa.array([0, 2, 3, 4], pa.int32()),
        pa.array([1, 2, 3, 4]),
        mask=pa.array([False, True, False]),
    )
    batch = pa.RecordBatch.from_pydict({"l": lists})
    assert encoded("ndjson", batch) == b'{"l":[1,2]}\n{"l":null}\n{"l":[4]}\n'
    assert encoded("ndjson", batch.slice(2)) == b'{"l":[4]}\n'


@pytest.mark.parametrize(
    "kind",
    [pa.list_(pa.int32(), 2), pa.list_view(pa.int32()), pa.large_list_view(pa.int32())],
    ids=str,
)
def test_every_kind_of_list_is_an_array(kind: pa.DataType) -> None:
    batch = pa.RecordBatch.from_pydict({"l": pa.array([[9, 9], [1, 2], None, [3, 4]], kind)})
    expected = b'{"l":[1,2]}\n{"l":null}\n{"l":[3,4]}\n'
    assert encoded("ndjson", batch.slice(1)) == expected


def test_a_name_with_a_nul_is_written_whole() -> None:
    batch = pa.RecordBatch.from_pydict({"a\0b": [1], "a": [2]})
    assert encoded("ndjson", batch) == b'{"a\\u0000b":1,"a":2}\n'


def test_no_rows_are_an_empty_array_and_no_lines() -> None:
    batch = pa.RecordBatch.from_pydict({"a": pa.array([], pa.int32())})
    assert encoded("json", batch) == encoded("json", batch, batch) == b"[]\n"
    assert encoded("ndjson", batch) == b""


def test_a_row_without_columns_is_an_empty_object() -> None:
    batch = pa.RecordBatch.from_struct_array(pa.array([{}, {}], pa.struct([])))
    assert encoded("json", batch) == b"[{},\n{}]\n"
