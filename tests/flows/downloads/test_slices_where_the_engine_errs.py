"""Slices that the engine, asked plainly, answers wrongly or not at all."""

import json
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.flows.service import serving

MOST = 10**38 - 1


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("data")
    nan, none = math.nan, None
    table = pa.table(
        {
            "i": range(8),
            "x": pa.array([2.5, nan, 0.1, nan, nan, nan, none, 1.0]),
            "single": pa.array([16777216.0] * 8, pa.float32()),
            "whole": pa.array([16777217] * 8, pa.int32()),
            "empty": pa.array([none] * 8, pa.string()),
            "tiny": pa.array([-128, 127, 125, 0, 4, 5, none, -125], pa.int8()),
            "day": pa.array([date(2024, 5, day) for day in (1, 2, 3, 4, 5, 6, 7)] + [none]),
            "far": pa.array([253_402_214_400_000_000] * 8, pa.timestamp("us")),
            "fine": pa.array([1] * 8, pa.timestamp("ns")),
            "zoned": pa.array([1] * 8, pa.timestamp("us", "UTC")),
            "wide": pa.array([Decimal(MOST)] * 8, pa.decimal128(38, 0)),
            "price": pa.array([Decimal("1.5")] * 8, pa.decimal128(38, 10)),
            "raw": pa.array([b"", b"a"] * 4),
            "digits": pa.array([Decimal(999), Decimal(-999)] + [none] * 6, pa.decimal128(3, 0)),
        }
    )
    pq.write_table(table, folder / "t.parquet", row_group_size=2)
    with (
        serving(folder, home=tmp_path_factory.mktemp("home")) as service,
        httpx.Client(base_url=service.url) as opened,
    ):
        yield opened


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        # Statistics of row groups leave NaN out.
        ("x=nan", [1, 3, 4, 5]),
        ("x__in=nan,1", [1, 3, 4, 5, 7]),
        ("x__not=nan", [0, 2, 6, 7]),
        ("x__notin=nan,1", [0, 2, 6]),
        ("x__not=2.5", [1, 2, 3, 4, 5, 6, 7]),
        ("x__gt=0.3", [0, 7]),
        ("x__lt=0.3", [2]),
        ("_where=NOT x <= 0.3", [0, 1, 3, 4, 5, 7]),
        ("_where=NOT x > 0.3", [1, 2, 3, 4, 5]),
        ("_where=x <> 2.5", [1, 2, 3, 4, 5, 7]),
        ("_where=NOT x IN (2.5, 1)", [1, 2, 3, 4, 5]),
        ("_where=abs(x) > 0.3", [0, 7]),
        ("_where=x = x", [0, 1, 2, 3, 4, 5, 7]),
        ("_where=x >= x", [0, 2, 7]),
        # An integer that meets a float of 32 bits would be rounded to one.
        ("_where=whole = single", []),
        ("_where=whole > single", [0, 1, 2, 3, 4, 5, 6, 7]),
        # Row groups of nulls alone would be skipped within an OR.
        ("_where=empty IS DISTINCT FROM 'a' OR empty IS DISTINCT FROM 'b'", list(range(8))),
        ("_where=(i = 9 AND empty <> 'b') OR (i = 1 AND empty IS DISTINCT FROM 'a')", [1]),
        # In its own width -128 has no positive, and rounding leaves the type.
        ("_where=abs(tiny) > 126", [0, 1]),
        ("_where=round(tiny, -1) > 100", [1, 2]),
        ("_where=round(tiny, -1) < -100", [0, 7]),
        ("_where=abs(tiny) = 128", [0]),
        ("_where=abs(tiny) < 1000", [0, 1, 2, 3, 4, 5, 7]),
        ("_where=abs(tiny) IN (128, 4, 1000)", [0, 4]),
        ("_where=round(tiny, -1) = 130", [1, 2]),
        ("_where=round(tiny, -1) = -130", [0, 7]),
        ("_where=coalesce(tiny, 300) = 300", [6]),
        ("_where=NOT coalesce(tiny, 300) > 126", [0, 2, 3, 4, 5, 7]),
        # Rounded to tens, a number of three digits may have four.
        ("_where=round(digits, -1) = 1000", [0]),
        ("_where=round(digits, -1) < 1000", [1]),
        # Comparisons of date_trunc would be rewritten wrongly for dates and for nulls.
        ("_where=date_trunc('hour', day) <= '2024-05-02'", [0, 1]),
        ("_where=date_trunc('hour', day) = '2024-05-02'", [1]),
        ("_where=date_trunc('day', day) <> '2024-05-02T10:00:00'", [0, 1, 2, 3, 4, 5, 6]),
        ("_where=NOT date_trunc('day', day) = '2024-05-02T10:00:00'", [0, 1, 2, 3, 4, 5, 6]),
        # An empty value alone, in a list.
        ('raw__in=[""]', [0, 2, 4, 6]),
        ('raw__notin=[""]', [1, 3, 5, 7]),
    ],
)
def test_the_right_rows_are_kept(client: httpx.Client, query: str, kept: list[int]) -> None:
    key, _, value = query.partition("=")
    answer = client.get("/t.json", params={key: value, "_select": "i"})
    assert answer.status_code == 200, answer.text
    assert [row["i"] for row in answer.json()] == kept
    # What is told of the answer asks for the same.
    again = client.get(answer.headers["content-location"])
    assert again.content == answer.content


def test_a_walk_in_the_order_of_a_column_with_nan_meets_every_row(client: httpx.Client) -> None:
    for sort, expected in (("x", [2, 7, 0, 1, 3, 4, 5, 6]), ("-x", [1, 3, 4, 5, 0, 7, 2, 6])):
        for limit in (1, 2, 3):
            url, met = f"/t.ndjson?_select=i&_sort={sort}&_limit={limit}", []
            while url:
                page = client.get(url)
                assert page.status_code == 200, page.text
                met += [json.loads(line)["i"] for line in page.text.splitlines()]
                url = page.links.get("next", {}).get("url", "")
            assert met == expected


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"_select": "sum(wide)"}, "_select"),
        ({"_select": "avg(wide)"}, "_select"),
        ({"_select": "day,sum(wide) as total", "_group": "day", "wide__gt": "0"}, None),
        ({"_select": "count(*)", "_having": "sum(wide) > 1"}, "_having"),
        ({"_where": "wide > price"}, "_where"),
        ({"_where": "coalesce(wide, price) > 1"}, "_where"),
        ({"_select": "i,max(wide)", "_group": "i", "_having": "max(wide) > max(price)"}, "_having"),
        ({"_where": "far > fine"}, "_where"),
        ({"_where": "day < fine"}, "_where"),
        ({"_where": "zoned < fine"}, "_where"),
    ],
)
def test_what_no_type_can_hold_is_the_querys_fault_and_not_the_datasets(
    client: httpx.Client, query: dict[str, str], parameter: str | None
) -> None:
    answer = client.get("/t.json", params=query)
    if parameter is None:
        # One row a day can be added up.
        assert answer.status_code == 200, answer.text
        return
    assert answer.status_code == 400, answer.text
    assert answer.json()["parameter"] == parameter
    assert str(MOST) not in answer.text


def test_a_sum_of_too_many_digits_is_named_and_so_is_the_way_out(client: httpx.Client) -> None:
    query = {"_select": "sum(wide) as total,avg(wide),max(i)", "_where": "i > 0"}
    problem = client.get("/t.json", params=query).json()
    assert problem["type"] == "urn:penstock:problem:number-too-long"
    assert problem["parameter"] == "_select"
    assert problem["computed"] == ["sum(wide)", "avg(wide)"]
    assert "sum(wide) or avg(wide)" in problem["detail"]
    assert "_group" in problem["detail"]


def test_nested_values_read_the_same_in_csv_and_json(tmp_path: Path) -> None:
    kind = pa.struct([("at", pa.timestamp("us", "UTC")), ("n", pa.decimal128(5, 2))])
    item = {"at": datetime(2024, 5, 1, 10, tzinfo=UTC), "n": Decimal("1.50")}
    folder = tmp_path / "data"
    folder.mkdir()
    column = pa.array([item], kind)
    ratios = pa.array([[math.nan, 0.5]])
    pq.write_table(pa.table({"item": column, "ratios": ratios}), folder / "n.parquet")
    with serving(folder, home=tmp_path / "home") as service:
        as_json = httpx.get(f"{service.url}/n.ndjson").text
        as_csv = httpx.get(f"{service.url}/n.csv?_delimiter=tab&_header=off").text
    assert as_json == '{"item":{"at":"2024-05-01T10:00:00Z","n":1.50},"ratios":[null,0.5]}\n'
    assert as_csv == '"{""at"":""2024-05-01T10:00:00Z"",""n"":1.50}"\t[null,0.5]\n'
