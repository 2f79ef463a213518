"""The Big List of Naughty Strings comes back whole from every format."""

import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.formats.read_back import encoded

from penstock.formats import named
from penstock.model.format import Style


@pytest.fixture(scope="module")
def strings(inputs: Path) -> list[str]:
    found: list[str] = json.loads((inputs / "text" / "blns.json").read_text("utf-8"))
    assert len(found) > 500
    return found


def test_naughty_strings_come_back_from_csv(strings: list[str]) -> None:
    batch = pa.RecordBatch.from_pydict({"a": strings, "b": strings[::-1]})
    for style in (Style(), Style(delimiter=";"), Style(null="null")):
        text = encoded("csv", batch, style=style).decode()
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=style.delimiter))
        assert rows[1:] == [[a, b] for a, b in zip(strings, strings[::-1], strict=True)]


def test_naughty_strings_come_back_from_json(strings: list[str]) -> None:
    batch = pa.RecordBatch.from_pydict({"a": strings})
    expected = [{"a": value} for value in strings]
    assert json.loads(encoded("json", batch)) == expected
    lines = encoded("ndjson", batch).decode().split("\n")[:-1]
    assert [json.loads(line) for line in lines] == expected


def test_naughty_strings_come_back_as_column_names_and_map_keys(strings: list[str]) -> None:
    names = [value for value in dict.fromkeys(strings) if value]
    batch = pa.RecordBatch.from_arrays([pa.array([1])] * len(names), names=names)
    assert list(json.loads(encoded("json", batch))[0]) == names
    text = encoded("csv", batch).decode()
    assert next(csv.reader(io.StringIO(text, newline=""))) == names
    maps = pa.array([[(name, 1) for name in names]], pa.map_(pa.string(), pa.int8()))
    nested = pa.RecordBatch.from_arrays([maps], names=["m"])
    assert list(json.loads(encoded("json", nested))[0]["m"]) == names


def test_naughty_strings_come_back_from_files_of_columns(strings: list[str]) -> None:
    batch = pa.RecordBatch.from_pydict({"a": strings})
    assert pq.read_table(io.BytesIO(encoded("parquet", batch)))["a"].to_pylist() == strings
    stream = b"".join(named("arrow").encode([batch], batch.schema, Style()))
    assert pa.ipc.open_stream(stream).read_all()["a"].to_pylist() == strings
