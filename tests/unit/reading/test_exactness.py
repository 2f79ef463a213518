"""Exactness: a column that the engine would read as other values is refused, and no other is."""

import json
import struct
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reading_parts import dataset_of, minute, reader_over

from penstock.errors import UnreadableColumnError
from penstock.model.slice import everything
from penstock.reading import sql
from penstock.reading.estimate import AT_ONCE
from penstock.reading.exactness import refuse_inexact
from penstock.reading.reader import Reader
from penstock.reading.scan import scan

UTC_NS = pa.timestamp("ns", "UTC")
WIDE = pa.decimal256(50, 0)
CENTURIES = 300 * 365 * 86_400


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with reader_over(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exact")


def refuse(path: Path) -> None:
    with pq.ParquetFile(path) as file:
        refuse_inexact(file, dataset="things", again=partial(pq.ParquetFile, path))


def read(reader: Reader, root: Path, table: pa.Table, *, text: bool = False) -> pa.Table:
    dataset = dataset_of(reader, root, table)
    batches = scan(
        reader,
        dataset,
        everything(tuple(table.schema.names)),
        text=sql.TextTypes(interval=text),
        allowance=minute(),
        pace=AT_ONCE,
    )
    return pa.Table.from_batches([batch.rows for batch in batches])


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (pa.array([Decimal(1)], WIDE), "has more than 38 digits"),
        (pa.array([[Decimal(1)]], pa.list_(WIDE)), "has more than 38 digits"),
        (pa.array([{"a": Decimal(1)}], pa.struct([("a", WIDE)])), "has more than 38 digits"),
        (pa.array([0, None, 1], pa.time64("ns")), "holds nanoseconds"),
        (pa.array([0, None, -1], UTC_NS), "holds nanoseconds"),
        (pa.array([0, 1], UTC_NS).dictionary_encode(), "holds nanoseconds"),
        (pa.array([[0], None, [1]], pa.list_(UTC_NS)), "holds nanoseconds"),
        (pa.array([[0], None, [1]], pa.list_(pa.time64("ns"))), "holds nanoseconds"),
        (pa.array([{"a": 1}], pa.struct([("a", UTC_NS)])), "holds nanoseconds"),
        (pa.array([[("k", 1)]], pa.map_(pa.string(), UTC_NS)), "holds nanoseconds"),
        (pa.array([1], pa.duration("ns")), "parts of a microsecond"),
        (pa.array([CENTURIES], pa.duration("s")), "more than 292 years"),
        (pa.array([-CENTURIES * 1_000_000], pa.duration("us")), "more than 292 years"),
        (pa.array([[1]], pa.list_(pa.duration("s"))), "within another type"),
    ],
)
def test_a_column_that_would_be_read_inexactly_is_refused_by_name_and_type(
    tmp_path: Path, values: pa.Array, says: str
) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"fine": range(len(values)), "of.day": values})
    pq.write_table(table, path, row_group_size=1)
    with pytest.raises(UnreadableColumnError, match=says) as raised:
        refuse(path)
    assert raised.value.facts["column"] == "of.day"
    assert raised.value.facts["column_type"] == str(pq.read_schema(path).field("of.day").type)
    assert str(raised.value.facts["column_type"]) in raised.value.reason


@pytest.mark.parametrize(
    "values",
    [
        pa.array([Decimal("9" * 38), Decimal(-1), None], pa.decimal128(38, 0)),
        pa.array([Decimal("9" * 36 + ".99"), None], pa.decimal256(38, 2)),
        pa.array([0, 86_399_999_999_000, None], pa.time64("ns")),
        pa.array([1_000, -1_000, None], UTC_NS),
        pa.array([[1_000], [None], None, []], pa.list_(UTC_NS)),
        pa.array([[("k", 1_000)], None], pa.map_(pa.string(), UTC_NS)),
        pa.array([1, -1, None], pa.timestamp("ns")),
        pa.array([[1], None], pa.list_(pa.timestamp("ns"))),
        pa.array([2**64 - 1, 0, None], pa.uint64()),
        pa.array([1.5, -2.0, None], pa.float16()),
        pa.array([b"ab", None], pa.binary(2)),
        pa.array(["a", None], pa.large_string()).dictionary_encode(),
        pa.array([2**31 - 1, -(2**31), 5_000_000, None], pa.date32()),
        pa.array([2**63 - 1, -(2**63), None], pa.timestamp("us")),
    ],
)
def test_what_fits_is_read_as_it_is_stored(
    reader: Reader, tmp_path: Path, values: pa.Array
) -> None:
    column = read(reader, tmp_path, pa.table({"v": values})).column("v").combine_chunks()
    stored = values.dictionary_decode() if pa.types.is_dictionary(values.type) else values
    assert column.cast(stored.type).equals(stored)


def test_a_column_is_not_judged_by_one_whose_name_begins_like_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    took, texts = pa.array([1], pa.duration("us")), pa.array(["soon"])
    pq.write_table(pa.table({"took": took, "took.text": texts}), path)
    refuse(path)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.none() | st.integers(-(2**53), 2**53), min_size=1, max_size=20),
    st.sampled_from([1, 10, 1000, 1001]),
    st.sampled_from([UTC_NS, pa.list_(UTC_NS)]),
)
def test_a_zoned_column_is_refused_exactly_where_it_holds_nanoseconds(
    folder: Path, ticks: list[int | None], scale: int, kind: pa.DataType
) -> None:
    values = [None if tick is None else tick * scale for tick in ticks]
    column = pa.array(values if kind == UTC_NS else [values, None, []], kind)
    path = folder / "zoned.parquet"
    pq.write_table(pa.table({"at": column}), path, row_group_size=3)
    if all(value is None or value % 1000 == 0 for value in values):
        refuse(path)
    else:
        with pytest.raises(UnreadableColumnError):
            refuse(path)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20))
def test_int96_is_refused_exactly_where_it_holds_nanoseconds(
    folder: Path, values: list[int | None]
) -> None:
    path = folder / "int96.parquet"
    table = pa.table({"at": pa.array(values, pa.timestamp("ns"))})
    pq.write_table(table, path, use_deprecated_int96_timestamps=True)
    if all(value is None or value % 1000 == 0 for value in values):
        refuse(path)
    else:
        with pytest.raises(UnreadableColumnError, match="int96"):
            refuse(path)


def test_int96_far_outside_of_what_nanoseconds_reach_is_served(tmp_path: Path) -> None:
    path = tmp_path / "old.parquet"
    moments = pa.array([-(10**16) - 1, 10**16 + 1, None], pa.timestamp("us"))
    pq.write_table(pa.table({"at": moments}), path, use_deprecated_int96_timestamps=True)
    refuse(path)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_durations_are_read_as_durations(reader: Reader, tmp_path: Path, unit: str) -> None:
    ticks = {"s": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000}[unit]
    durations = pa.array([90_000 * ticks, -ticks, 0, None], pa.duration(unit))
    table = pa.table({"d": durations, "where": ["a", "b", "c", "d"]})
    column = read(reader, tmp_path, table).column("d")
    assert column.to_pylist() == [
        pa.MonthDayNano([0, 0, seconds * 10**9]) for seconds in (90_000, -1, 0)
    ] + [None]
    texts = read(reader, tmp_path, table, text=True).column("d")
    assert texts.to_pylist() == ["25:00:00", "-00:00:01", "00:00:00", None]


def test_the_stored_bytes_of_a_geometry_are_read(reader: Reader, tmp_path: Path) -> None:
    # An SRID is in this one (extended WKB), which the standard has no place for.
    point = struct.pack("<BIIdd", 1, 0x2000_0001, 27700, 1.0, 2.0)
    geo = {
        "version": "1.1.0",
        "primary_column": "geometry",
        "columns": {"geometry": {"encoding": "WKB", "geometry_types": ["Point"]}},
    }
    table = pa.table({"geometry": pa.array([point, None])})
    table = table.replace_schema_metadata({"geo": json.dumps(geo)})
    assert read(reader, tmp_path, table).column("geometry").to_pylist() == [point, None]
