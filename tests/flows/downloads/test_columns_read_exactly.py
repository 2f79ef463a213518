"""A folder with columns that can't be read exactly: each says so, and its neighbours are served."""

from collections.abc import Iterator
from decimal import Decimal

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.flows.service import serving

COLUMNS = {
    "money": pa.array([Decimal(10) ** 45], pa.decimal256(50, 0)),
    "clock": pa.array([123_456_789], pa.time64("ns")),
    "moment": pa.array([1], pa.timestamp("ns", "UTC")),
    "spans": pa.array([[5]], pa.list_(pa.duration("s"))),
}
FORMATS = ("csv", "json", "ndjson", "parquet", "arrow")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("data")
    for name, values in COLUMNS.items():
        pq.write_table(pa.table({"id": [1], f"the {name}": values}), folder / f"{name}.parquet")
    served = {
        "took": pa.array([90_000_500_000, None], pa.duration("us")),
        "at": pa.array([1_714_558_500_000_000_000, None], pa.timestamp("ns", "UTC")),
    }
    pq.write_table(pa.table(served), folder / "fine.parquet")
    with (
        serving(folder, home=tmp_path_factory.mktemp("home")) as service,
        httpx.Client(base_url=service.url) as opened,
    ):
        yield opened


@pytest.mark.parametrize("name", COLUMNS)
def test_a_problem_names_the_column_its_type_and_the_reason(
    client: httpx.Client, name: str
) -> None:
    for extension in FORMATS:
        answer = client.get(f"/{name}.{extension}")
        assert answer.status_code == 500
        problem = answer.json()
        assert problem["type"] == "urn:penstock:problem:unreadable-column"
        assert problem["column"] == f"the {name}"
        assert problem["column_type"] in problem["detail"]
        assert f"column “the {name}”" in problem["detail"]


def test_the_list_tells_each_problem_and_has_the_others(client: httpx.Client) -> None:
    listed = {each["name"]: each for each in client.get("/-/datasets.json").json()["datasets"]}
    assert set(listed) == {*COLUMNS, "fine"}
    for name in COLUMNS:
        assert listed[name]["problem"].startswith(f"column “the {name}” (")
    assert "problem" not in listed["fine"]


def test_durations_and_moments_without_nanoseconds_come_out_right(client: httpx.Client) -> None:
    line = "25:00:00.5,2024-05-01T10:15:00Z\n"
    assert client.get("/fine.csv?_header=off").text == line + ",\n"
    assert client.get("/fine.ndjson").text == (
        '{"took":"25:00:00.5","at":"2024-05-01T10:15:00Z"}\n{"took":null,"at":null}\n'
    )
    assert client.get("/fine.csv?_select=took&_sort=-took&_limit=1&_header=off").text == (
        "25:00:00.5\n"
    )
    assert client.get("/fine.json?_select=max(took)").json() == [{"max_took": "25:00:00.5"}]
    arrow = pa.ipc.open_stream(client.get("/fine.arrow").content).read_all()
    assert arrow["took"].to_pylist() == [pa.MonthDayNano([0, 0, 90_000_500_000_000]), None]
    kinds = {each["name"]: each["kind"] for each in described(client)}
    assert kinds == {"took": "interval", "at": "timestamptz"}


def test_parquet_keeps_durations_whole_and_leaves_them_out_of_slices(client: httpx.Client) -> None:
    stored = client.get("/fine.parquet")
    assert pq.read_schema(pa.BufferReader(stored.content)).field("took").type == pa.duration("us")
    refused = client.get("/fine.parquet?_limit=1")
    assert refused.status_code == 400
    assert refused.json()["column"] == "took"
    assert client.get("/fine.parquet?_limit=1&_exclude=took").status_code == 200


def described(client: httpx.Client) -> list[dict[str, str]]:
    columns: list[dict[str, str]] = client.get("/fine/-/schema.json").json()["columns"]
    return columns
