"""Clients that people use read the URLs directly, as they would read a file on the web."""

import csv
import io
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.request import urlopen

import duckdb
import duckdb_extension_httpfs
import fsspec
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.conftest import missing
from tests.flows.faulty_parts import Fault
from tests.flows.service import Service, serving

from penstock.errors import DatasetDamagedError

ROWS = 40_000
GROUP_ROWS = 5_000
NAMES = ["Eiche", 'a "quoted" oak', "ash, common", "two\nlines", "桜", None]


def trees() -> pa.Table:
    began = datetime(2024, 5, 1, tzinfo=UTC)
    return pa.table(
        {
            "id": pa.array(range(ROWS), pa.int64()),
            "organisation-entity": pa.array([number // 1000 for number in range(ROWS)]),
            "name": [NAMES[number % len(NAMES)] for number in range(ROWS)],
            "height": [None if number % 7 == 0 else number / 8 for number in range(ROWS)],
            "planted": [date(2020, 1, 1) + timedelta(days=number % 999) for number in range(ROWS)],
            "seen": pa.array(
                [began + timedelta(seconds=number) for number in range(ROWS)],
                pa.timestamp("us", "UTC"),
            ),
            "price": pa.array([Decimal(number) / 100 for number in range(ROWS)]).cast(
                pa.decimal128(12, 2)
            ),
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("trees")
    pq.write_table(trees(), data / "trees.parquet", row_group_size=GROUP_ROWS)
    return data


@pytest.fixture(scope="module")
def fault() -> Fault:
    return Fault()


@pytest.fixture(scope="module")
def service(
    folder: Path, fault: Fault, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Filtered Parquet files fit into its spool."""
    home = tmp_path_factory.mktemp("home")
    with serving(folder, home=home, adapt=fault.adapt, batch_rows=2048) as running:
        yield running


@pytest.fixture(scope="module")
def tight(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Nothing fits into its spool."""
    home = tmp_path_factory.mktemp("tight")
    with serving(folder, home=home, batch_rows=2048, spool_bytes=10_000) as running:
        yield running


FILTERS = ["", "?organisation-entity=7", "?id__gte=1500&_select=id,name,height"]


def wanted(filters: str) -> pa.Table:
    """What a filter leaves, by other means."""
    table = trees()
    if "organisation-entity=7" in filters:
        table = table.filter(pa.compute.equal(table["organisation-entity"], 7))
    if "id__gte=1500" in filters:
        table = table.slice(1500).select(["id", "name", "height"])
    return table


@pytest.mark.parametrize("filters", FILTERS)
def test_pandas_reads_csv_lines_and_parquet(service: Service, filters: str) -> None:
    expected = wanted(filters)
    base = f"{service.url}/trees"
    from_csv = pd.read_csv(f"{base}.csv{filters}")
    from_lines = pd.read_json(f"{base}.ndjson{filters}", lines=True)
    from_json = pd.read_json(f"{base}.json{filters}")
    from_parquet = pd.read_parquet(f"{base}.parquet{filters}")
    for frame in (from_csv, from_lines, from_json, from_parquet):
        assert list(frame.columns) == expected.column_names
        assert frame["id"].tolist() == expected["id"].to_pylist()
        heights = frame["height"].astype("float64")
        assert heights.sum() == pytest.approx(sum(filter(None, expected["height"].to_pylist())))
        assert int(heights.isna().sum()) == expected["height"].null_count
    names = [name or "" for name in expected["name"].to_pylist()]
    assert from_csv["name"].fillna("").tolist() == names
    assert from_lines["name"].fillna("").tolist() == names
    chunks = pd.read_csv(f"{base}.csv{filters}", chunksize=3000)
    assert sum(len(chunk) for chunk in chunks) == expected.num_rows


@pytest.mark.parametrize("filters", FILTERS)
def test_polars_reads_and_scans(service: Service, filters: str) -> None:
    expected = pl.DataFrame(wanted(filters))
    base = f"{service.url}/trees"
    assert pl.read_parquet(f"{base}.parquet{filters}").equals(expected)
    scanned = pl.scan_parquet(f"{base}.parquet{filters}")
    assert scanned.collect().equals(expected)
    some = scanned.filter(pl.col("id") < 7200).select("id", "height").collect()
    assert some.equals(expected.filter(pl.col("id") < 7200).select("id", "height"))
    for read in (
        pl.read_csv(f"{base}.csv{filters}"),
        pl.scan_csv(f"{base}.csv{filters}").collect(),
    ):
        assert read["id"].equals(expected["id"])
        assert read["height"].equals(expected["height"])
    lines = pl.scan_ndjson(f"{base}.ndjson{filters}").collect()
    assert lines["name"].equals(expected["name"])
    with urlopen(f"{base}.arrow{filters}") as answer:
        assert pl.read_ipc_stream(answer).equals(expected)


@pytest.mark.parametrize("filters", FILTERS)
def test_pyarrow_reads_parquet_over_ranges_and_arrow_as_a_stream(
    service: Service, filters: str
) -> None:
    expected = wanted(filters)
    with fsspec.open(f"{service.url}/trees.parquet{filters}", "rb") as file:
        parquet = pq.ParquetFile(file)
        assert parquet.read(columns=["id"])["id"].equals(expected["id"])
        assert parquet.read().equals(expected)
    with urlopen(f"{service.url}/trees.arrow{filters}") as answer:
        assert pa.ipc.open_stream(answer).read_all().equals(expected)


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB that reads URLs; its extension comes from a package and by its path."""
    package = Path(duckdb_extension_httpfs.__file__).parent
    extension = next(package.rglob("httpfs.duckdb_extension"))
    with duckdb.connect() as connection:
        connection.execute(f"LOAD '{extension}'")
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("reads", ["read_csv", "read_json", "read_ndjson", "read_parquet"])
def test_duckdb_reads_urls(
    service: Service, engine: duckdb.DuckDBPyConnection, reads: str, filters: str
) -> None:
    extension = {"read_csv": "csv", "read_json": "json", "read_ndjson": "ndjson"}
    url = f"{service.url}/trees.{extension.get(reads, 'parquet')}{filters}"
    expected = wanted(filters)
    found = engine.execute(f"SELECT id, name, height FROM {reads}(?) ORDER BY id", [url]).fetchall()
    assert [row[0] for row in found] == expected["id"].to_pylist()
    assert [row[1] for row in found] == expected["name"].to_pylist()
    assert [row[2] for row in found] == expected["height"].to_pylist()


def test_duckdb_pushes_its_own_filter_into_the_ranges(
    service: Service, engine: duckdb.DuckDBPyConnection
) -> None:
    sql = "SELECT count(*), max(name) FROM read_parquet(?) WHERE id BETWEEN 7000 AND 7003"
    url = f"{service.url}/trees.parquet"
    expected = max(filter(None, trees()["name"].to_pylist()[7000:7004]))
    assert engine.execute(sql, [url]).fetchone() == (4, expected)


@pytest.mark.parametrize("filters", ["", "?id__gte=1500&_select=id,name,height"])
def test_what_is_too_large_for_a_spool_is_read_all_the_same(
    tight: Service, engine: duckdb.DuckDBPyConnection, filters: str
) -> None:
    expected = wanted(filters)
    url = f"{tight.url}/trees.parquet{filters}"
    assert pl.DataFrame(expected).equals(pl.scan_parquet(url).collect())
    assert pd.read_parquet(url)["id"].tolist() == expected["id"].to_pylist()
    rows = engine.execute("SELECT count(*) FROM read_parquet(?)", [url]).fetchone()
    assert rows == (expected.num_rows,)
    with fsspec.open(url, "rb") as file:
        assert pq.read_table(file).equals(expected)
    with urlopen(url) as answer:
        assert pq.read_table(io.BytesIO(answer.read())).equals(expected)


TARGETS = [
    "/trees.csv",
    "/trees.csv?id__gte=1500",
    "/trees.ndjson?id__gte=1500&_sort=-name",
    "/trees.parquet",
    "/trees.parquet?id__gte=1500",
    "/trees.arrow",
]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except FileNotFoundError:
        missing(f"{command[0]} is not installed")


def downloader(name: str, url: str, file: Path) -> list[str]:
    if name == "curl":
        return ["curl", "-sS", "-C", "-", "-o", str(file), url]
    return ["wget", "-nv", "-c", "-t", "1", "-O", str(file), url]


@pytest.mark.parametrize("size", ["spooled", "streamed"])
@pytest.mark.parametrize("name", ["curl", "wget"])
@pytest.mark.parametrize("target", TARGETS)
def test_a_part_is_completed(
    service: Service, tight: Service, tmp_path: Path, target: str, name: str, size: str
) -> None:
    url = (service if size == "spooled" else tight).url + target
    with urlopen(url) as answer:
        whole = answer.read()
    file = tmp_path / "out"
    for kept in (1, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:kept])
        ended = run(*downloader(name, url, file))
        assert ended.returncode == 0, ended.stderr
        assert file.read_bytes() == whole


@pytest.mark.parametrize("name", ["curl", "wget"])
@pytest.mark.parametrize("extension", ["csv", "ndjson"])
def test_a_download_that_broke_off_goes_on_where_it_broke(
    service: Service, fault: Fault, tmp_path: Path, extension: str, name: str
) -> None:
    # Each program has a query of its own, so that nothing is known of its answer yet.
    url = f"{service.url}/trees.{extension}?id__gte={3 if name == 'curl' else 5}"
    file = tmp_path / "out"
    fault.fail(9, lambda: DatasetDamagedError("trees", reason="a test"))
    broken = run(*downloader(name, url, file))
    fault.clear()
    assert broken.returncode != 0
    kept = file.read_bytes()
    assert kept
    resumed = run(*downloader(name, url, file))
    assert resumed.returncode == 0, resumed.stderr
    with urlopen(url) as answer:
        whole = answer.read()
    assert whole.startswith(kept)
    assert file.read_bytes() == whole


def test_a_spreadsheet_gets_rows_and_no_formulas(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    texts = ["=1+1", "+1", "-1", "@x", "\tx", "plain", 'a "b"\nc', "ü"]
    pq.write_table(
        pa.table({"text": texts, "n": pa.array(range(-1, 7), pa.int64())}), data / "cells.parquet"
    )
    with (
        serving(data, home=tmp_path / "home") as service,
        urlopen(f"{service.url}/cells.csv?_excel=1") as answer,
    ):
        content = answer.read()
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    safe = [f"'{text}" if text[0] in "=+-@\t" else text for text in texts]
    assert rows == [
        ["text", "n"],
        *([text, str(n)] for n, text in zip(range(-1, 7), safe, strict=True)),
    ]
    assert content.count(b"\r\n") == len(texts) + 1
