"""Real Parquet files of every age: each value of each format is what pyarrow reads there."""

import csv
import io
import json
import math
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.flows.service import serving

from penstock import formats
from penstock.model.dataset import name_of_file
from penstock.model.format import Style

FILES = [
    "ARROW-GH-43605.parquet",
    "PARQUET-1481.parquet",
    "alltypes_plain.parquet",
    "alltypes_plain.snappy.parquet",
    "binary.parquet",
    "byte_array_decimal.parquet",
    "datapage_v2.snappy.parquet",
    "delta_byte_array.parquet",
    "float16_nonzeros_and_nans.parquet",
    "int96_from_spark.parquet",
    "list_columns.parquet",
    "lz4_raw_compressed.parquet",
    "nation.dict-malformed.parquet",
    "nested_lists.snappy.parquet",
    "nested_maps.snappy.parquet",
    "null_list.parquet",
    "nulls.snappy.parquet",
]
UNREADABLE = {"PARQUET-1481.parquet"}
SERVED = [name for name in FILES if name not in UNREADABLE]
FORMATS = ["csv", "json", "ndjson", "parquet", "arrow"]

Row = dict[str, Any]


@pytest.fixture(scope="module")
def client(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    home = tmp_path_factory.mktemp("parquet")
    with (
        serving(inputs / "parquet", home=home / "home") as service,
        httpx.Client(base_url=service.url, timeout=60) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def read(inputs: Path) -> Callable[[str], pa.Table]:
    """Read a file as pyarrow does; int96 in microseconds, since its nanoseconds end in 2262."""
    known: dict[str, pa.Table] = {}

    def table(name: str) -> pa.Table:
        if name not in known:
            known[name] = pq.read_table(
                inputs / "parquet" / name, coerce_int96_timestamp_unit="us", use_threads=False
            )
        return known[name]

    return table


def get(client: httpx.Client, path: str, **params: str) -> httpx.Response:
    answer = client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer


def dataset(name: str) -> str:
    return "/" + name_of_file(name)


def plain(value: Any, kind: pa.DataType) -> Any:
    """Turn pyarrow's value into what JSON can say; floats become their nearest in `kind`."""
    if value is None:
        return None
    if pa.types.is_map(kind):
        return {str(plain(key, kind.key_type)): plain(item, kind.item_type) for key, item in value}
    if pa.types.is_struct(kind):
        return {field.name: plain(value[field.name], field.type) for field in kind}
    if pa.types.is_list(kind):
        return [plain(item, kind.value_type) for item in value]
    if isinstance(value, bytes):
        return value.hex().upper()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def assert_says(said: Any, value: Any, kind: pa.DataType) -> None:
    """Compare a value as JSON says it, its numbers still text, with a `plain` one."""
    match value:
        case None | bool():
            assert said is value
        case dict():
            assert list(said) == list(value)
            for key, item in value.items():
                inner = kind.item_type if pa.types.is_map(kind) else kind.field(key).type
                assert_says(said[key], item, inner)
        case list():
            assert len(said) == len(value)
            for each, item in zip(said, value, strict=True):
                assert_says(each, item, kind.value_type)
        case float():
            assert nearest(float(str(said)), kind) == value
        case Decimal():
            assert str(said) == format(value, "f")
        case int():
            assert str(said) == str(value)
        case datetime():
            assert datetime.fromisoformat(said) == value
        case date() | time():
            assert said == value.isoformat()
        case _:
            assert said == value


def nearest(value: float, kind: pa.DataType) -> float:
    """Round to the float that a column of this type holds."""
    code = {16: "e", 32: "f", 64: "d"}[kind.bit_width]
    rounded: float = struct.unpack(code, struct.pack(code, value))[0]
    return rounded


def assert_rows_say(rows: list[Row], table: pa.Table) -> None:
    assert len(rows) == table.num_rows
    for field, column in zip(table.schema, table.columns, strict=True):
        values = within_the_calendar(column)
        for row, value in zip(rows, values.to_pylist(), strict=False):
            assert_says(row[field.name], plain(value, field.type), field.type)


def within_the_calendar(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Leave a last timestamp out whose days overflow: pyarrow reads another date in each unit."""
    if not pa.types.is_timestamp(column.type):
        return column
    most = max(abs(value or 0) for value in column.cast(pa.int64()).to_pylist()[:-1])
    assert most < 10**18
    last = abs(column[-1].cast(pa.int64()).as_py() or 0)
    return column.slice(0, len(column) - 1) if last > 10**18 else column


def test_every_file_is_in_this_list(inputs: Path) -> None:
    assert sorted(path.name for path in (inputs / "parquet").glob("*.parquet")) == sorted(FILES)


def test_the_list_has_every_file_and_says_what_is_wrong_with_one(client: httpx.Client) -> None:
    listed = {each["name"]: each for each in get(client, "/-/datasets.json").json()["datasets"]}
    # One CSV file stands among them.
    assert set(listed) - {"delta_byte_array_expect"} == {name_of_file(name) for name in FILES}
    wrong = {name for name, each in listed.items() if "problem" in each}
    assert wrong == {name_of_file(name) for name in UNREADABLE}


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("name", sorted(UNREADABLE))
def test_what_cannot_be_read_says_why(client: httpx.Client, name: str, extension: str) -> None:
    for method in ("GET", "HEAD"):
        answer = client.request(method, f"{dataset(name)}.{extension}")
        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/problem+json"
    problem = client.get(f"{dataset(name)}.{extension}").json()
    assert problem["type"] == "urn:penstock:problem:dataset-damaged"
    assert "can't be read as it is stored: " in problem["detail"]
    assert "/" not in problem["detail"]


@pytest.mark.parametrize("name", SERVED)
def test_json_and_ndjson_say_what_pyarrow_reads(
    client: httpx.Client, read: Callable[[str], pa.Table], name: str
) -> None:
    table = read(name)
    array = get(client, f"{dataset(name)}.json").text
    lines = get(client, f"{dataset(name)}.ndjson").text.splitlines()
    rows = json.loads(array, parse_float=Decimal)
    assert rows == [json.loads(line, parse_float=Decimal) for line in lines]
    assert_rows_say([json.loads(line, parse_float=str, parse_int=str) for line in lines], table)


@pytest.mark.parametrize("name", SERVED)
def test_csv_says_what_pyarrow_reads(
    client: httpx.Client, read: Callable[[str], pa.Table], name: str
) -> None:
    table = read(name)
    text = get(client, f"{dataset(name)}.csv", _null="~").text
    header, *records = csv.reader(io.StringIO(text, newline=""))
    assert header == table.schema.names
    assert_rows_say([cells_of(record, table.schema) for record in records], table)


def cells_of(record: list[str], schema: pa.Schema) -> Row:
    """Read a line of CSV as JSON would say it: `~` is null, nested values are JSON text."""
    row: Row = {}
    for field, cell in zip(schema, record, strict=True):
        if cell == "~" or (pa.types.is_floating(field.type) and cell in ("NaN", "inf", "-inf")):
            row[field.name] = None
        elif pa.types.is_nested(field.type):
            row[field.name] = json.loads(cell, parse_float=str, parse_int=str)
        elif pa.types.is_boolean(field.type):
            row[field.name] = {"true": True, "false": False}[cell]
        else:
            row[field.name] = cell
    return row


@pytest.mark.parametrize("extension", ["parquet", "arrow"])
@pytest.mark.parametrize("name", SERVED)
def test_parquet_and_arrow_hold_what_pyarrow_reads(
    client: httpx.Client, read: Callable[[str], pa.Table], name: str, extension: str
) -> None:
    table = read(name)
    # All columns, named: a Parquet file of its own, and not the stored one.
    quoted = ",".join(f'"{column}" as "{column}"' for column in table.schema.names)
    for params in ({}, {"_limit": "1000000"}, {"_select": quoted}):
        arrived = opened(get(client, f"{dataset(name)}.{extension}", **params).content)
        assert arrived.schema.names == table.schema.names
        assert arrived.num_rows == table.num_rows
        for field, ours, theirs in zip(table.schema, arrived.columns, table.columns, strict=True):
            assert kept(field.type, ours.type), f"{field.type} became {ours.type}"
            count = len(numbers(theirs))
            assert numbers(ours)[:count] == numbers(theirs), field.name


def opened(content: bytes) -> pa.Table:
    if content.startswith(b"PAR1"):
        return pq.read_table(io.BytesIO(content), coerce_int96_timestamp_unit="us")
    return pa.ipc.open_stream(content).read_all()


def numbers(column: pa.ChunkedArray) -> list[object]:
    """Give comparable values: a timestamp as its number of microseconds, NaN as itself."""
    if pa.types.is_timestamp(column.type):
        column = within_the_calendar(column.cast(pa.timestamp("us"))).cast(pa.int64())
    if pa.types.is_float16(column.type):
        column = column.cast(pa.float32())
    return ["NaN" if value != value else value for value in column.to_pylist()]  # noqa: PLR0124 - NaN alone differs from itself


def kept(stored: pa.DataType, arrived: pa.DataType) -> bool:
    """Whether a type arrived as it is stored, or as the nearest that the engine has."""
    if pa.types.is_float16(stored):
        return bool(pa.types.is_floating(arrived))
    if pa.types.is_timestamp(stored):
        return bool(pa.types.is_timestamp(arrived)) and stored.tz == arrived.tz
    if pa.types.is_map(stored):
        return kept(stored.key_type, arrived.key_type) and kept(stored.item_type, arrived.item_type)
    if pa.types.is_list(stored):
        return pa.types.is_null(stored.value_type) or kept(stored.value_type, arrived.value_type)
    if pa.types.is_struct(stored):
        pairs = zip(stored, arrived, strict=True)
        return all(ours.name == own.name and kept(ours.type, own.type) for ours, own in pairs)
    return bool(stored == arrived)


def test_a_date_that_no_reader_agrees_on_is_one_date_in_every_format(client: httpx.Client) -> None:
    path = dataset("int96_from_spark.parquet")
    (said,) = get(client, f"{path}.json", _offset="5").json()
    assert get(client, f"{path}.csv", _offset="5").text == f"a\n{said['a']}\n"
    (filtered,) = get(client, f"{path}.json", a__lt="0001-01-01T00:00:00").json()
    assert filtered == said


def under_a_null(garbage: int) -> pa.Table:
    """Make nested columns whose second value is null, and says `garbage` where nobody looks."""
    values = struct.pack("<qq", 5, garbage)
    numbers = pa.Array.from_buffers(pa.int64(), 2, [pa.py_buffer(b"\x01"), pa.py_buffer(values)])
    edges = pa.array([0, 1, 2], pa.int32())
    return pa.table(
        {
            "list": pa.ListArray.from_arrays(edges, numbers),
            "struct": pa.StructArray.from_arrays([numbers], names=["a"]),
            "map": pa.MapArray.from_arrays(edges, pa.array(["k", "l"]), numbers),
        }
    )


@pytest.mark.parametrize("column", ["list", "struct", "map"])
def test_equal_values_are_equal_bytes_in_arrow_too(column: str) -> None:
    one, other = (under_a_null(garbage).select([column]) for garbage in (7, 9))
    assert one.equals(other)
    encode = formats.named("arrow").encode
    first, second = (
        b"".join(encode(table.to_batches(), table.schema, Style())) for table in (one, other)
    )
    assert first == second


def test_a_stored_file_is_sent_as_it_is(client: httpx.Client, inputs: Path) -> None:
    for name in SERVED:
        answer = get(client, f"{dataset(name)}.parquet")
        assert answer.content == (inputs / "parquet" / name).read_bytes()


def columns_of(client: httpx.Client, name: str) -> list[dict[str, Any]]:
    described: list[dict[str, Any]] = get(client, f"{dataset(name)}/-/schema.json").json()[
        "columns"
    ]
    return described


@pytest.mark.parametrize("name", SERVED)
def test_a_filter_takes_the_rows_that_pyarrow_finds(
    client: httpx.Client, read: Callable[[str], pa.Table], name: str
) -> None:
    lines = get(client, f"{dataset(name)}.ndjson").text.splitlines()
    rows = [json.loads(line) for line in lines]
    for column in columns_of(client, name):
        told = column["name"]
        present = [row[told] for row in rows if row[told] is not None]
        for operator, held in (("isnull", False), ("notnull", True)):
            got = get(client, f"{dataset(name)}.ndjson", **{f"{told}__{operator}": "1"}).text
            nulls = read(name)[told].is_valid().to_pylist()
            assert got.splitlines() == [
                line for line, valid in zip(lines, nulls, strict=True) if valid is held
            ]
        if "exact" in column["operators"] and present:
            value = present[len(present) // 2]
            got = get(client, f"{dataset(name)}.ndjson", **{told: url_text(value)}).text
            assert got.splitlines() == [
                line for line, row in zip(lines, rows, strict=True) if row[told] == value
            ]


def url_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("name", SERVED)
def test_a_sort_puts_rows_where_pyarrow_does(
    client: httpx.Client, read: Callable[[str], pa.Table], name: str
) -> None:
    lines = get(client, f"{dataset(name)}.ndjson").text.splitlines()
    for column in columns_of(client, name):
        told = column["name"]
        if "gt" not in column["operators"]:
            continue
        values = numbers(read(name)[told])
        if len(values) < len(lines):
            continue
        for sign, descending in (("", False), ("-", True)):
            got = get(client, f"{dataset(name)}.ndjson", _sort=f"{sign}{told}").text
            assert got.splitlines() == [
                lines[at] for at in stable_order(values, descending=descending)
            ]


def stable_order(values: list[Any], *, descending: bool) -> list[int]:
    """Order places by value: nulls last both ways, NaN above every number, ties as they stand."""
    nulls = [at for at, value in enumerate(values) if value is None]
    nans = [at for at, value in enumerate(values) if value == "NaN"]
    rest = [at for at, value in enumerate(values) if value is not None and value != "NaN"]
    rest.sort(key=lambda at: values[at], reverse=descending)
    return [*nans, *rest, *nulls] if descending else [*rest, *nans, *nulls]


@pytest.mark.parametrize("name", SERVED)
def test_pages_joined_are_the_whole(client: httpx.Client, name: str) -> None:
    whole = get(client, f"{dataset(name)}.ndjson").text
    rows = whole.count("\n")
    size = max(1, rows // 3)
    pages = []
    path: str | None = f"{dataset(name)}.ndjson?_limit={size}"
    while path:
        answer = client.get(path)
        pages.append(answer.text)
        path = answer.links.get("next", {}).get("url")
    assert "".join(pages) == whole
    assert len(pages) == max(1, math.ceil(rows / size))


@pytest.mark.parametrize("name", SERVED)
def test_aggregates_are_what_pyarrow_counts(
    client: httpx.Client, read: Callable[[str], pa.Table], name: str
) -> None:
    table = read(name)
    for column in columns_of(client, name):
        told, quoted = column["name"], f'"{column["name"]}"'
        row = get(client, f"{dataset(name)}.json", _select=f"count(*) as n,count({quoted}) as c")
        assert row.json() == [{"n": table.num_rows, "c": table.num_rows - table[told].null_count}]
        # Of floats, JSON makes NaN null, and groups make -0.0 and 0.0 one.
        if "exact" not in column["operators"] or column["kind"] == "float":
            continue
        groups = get(
            client,
            f"{dataset(name)}.json",
            _select=f"{quoted} as value,count(*) as n",
            _group=quoted,
        ).json()
        values = get(client, f"{dataset(name)}.json", _select=quoted).json()
        assert Counter({str(each["value"]): each["n"] for each in groups}) == Counter(
            str(each[told]) for each in values
        )
        if column["kind"] == "integer":
            extremes = get(
                client, f"{dataset(name)}.json", _select=f"min({quoted}) as a,max({quoted}) as b"
            ).json()
            present = [value for value in table[told].to_pylist() if value is not None]
            assert extremes == [{"a": min(present), "b": max(present)}]


def test_statistics_and_counts_answer_for_every_file(client: httpx.Client) -> None:
    for name in SERVED:
        stats = get(client, f"{dataset(name)}/-/stats.json").json()
        count = get(client, f"{dataset(name)}/-/count.json").json()
        assert count["rows"] == stats["rows"]["value"]
        assert sorted(count["bytes_estimate"]) == sorted(FORMATS)
