"""Every real CSV file, converted by the real process and compared cell by cell with its text."""

import csv
import datetime as dt
import json
import zipfile
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from tests.flows.csv_spectrum import SPECTRUM

from penstock.errors import SetupError
from penstock.local.datasets.convert import convert_folder, converted


def says(value: object, text: str, *, type_: pa.DataType, null_text: str | None) -> bool:
    """Whether a stored value says what the file's text says, by another way than ours."""
    if text == null_text:
        return value is None
    if text == "":
        return value == "" if pa.types.is_string(type_) else value is None
    match value:
        case bool():
            return str(value).lower() == text.lower()
        case Decimal():
            return format(value, "f") == text
        case float():
            return Decimal(repr(value)) == Decimal(text)
        case dt.datetime():
            return value == dt.datetime.fromisoformat(text)
        case dt.date():
            return value.isoformat() == text
        case _:
            return str(value) == text


def assert_every_cell_says_its_text(
    source: Path, made: Path, *, encoding: str = "utf-8-sig", null_text: str | None = None
) -> pa.Table:
    table = pq.read_table(made)
    with source.open(encoding=encoding, newline="") as text:
        _, *records = (record for record in csv.reader(text) if record)
    assert table.num_rows == len(records)
    for column, texts in zip(table.columns, zip(*records, strict=True), strict=True):
        # Equal pairs are looked at once.
        for value, cell in set(zip(column.to_pylist(), texts, strict=True)):
            assert says(value, cell, type_=column.type, null_text=null_text), (value, cell)
    return table


@pytest.mark.parametrize("name", SPECTRUM)
def test_csv_spectrum_holds_what_its_json_says(inputs: Path, tmp_path: Path, name: str) -> None:
    spectrum = inputs / "csv" / "csv-spectrum"
    source = tmp_path / f"{name}.csv"
    content = (spectrum / "csvs" / source.name).read_bytes()
    if name.endswith("_crlf"):
        # This copy went through a tool that made its line ends LF.
        content = content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    source.write_bytes(content)
    made = converted(source, home=tmp_path / "home", null_text=None)
    said = json.loads((spectrum / "json" / f"{name}.json").read_text(encoding="utf-8"))
    held = [
        {key: "" if value is None else str(value) for key, value in row.items()}
        for row in pq.read_table(made).to_pylist()
    ]
    assert held == said


def test_the_twelfth_of_csv_spectrum_holds_what_its_csv_says(inputs: Path, tmp_path: Path) -> None:
    # Its JSON has another telephone number and is no list: the text is the measure.
    source = inputs / "csv" / "csv-spectrum" / "csvs" / "location_coordinates.csv"
    made = converted(source, home=tmp_path, null_text=None)
    table = assert_every_cell_says_its_text(source, made)
    assert table["Contact Phone Number"].to_pylist() == [2095257564]
    assert table["Location Coordinates"].to_pylist() == ["37�36'37.8\"N 121�2'17.9\"W"]


def test_flights_are_typed_with_their_null_text(inputs: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(inputs / "tabular" / "flights.csv.zip") as archive:
        source = Path(archive.extract("flights.csv", tmp_path))
    made = converted(source, home=tmp_path / "home", null_text="NA")
    table = assert_every_cell_says_its_text(source, made, null_text="NA")
    assert table.num_rows == 336_776
    assert table.schema.field("arr_time").type == pa.int64()
    assert table["arr_time"].null_count == 8_713
    assert table.schema.field("time_hour").type == pa.timestamp("us", tz="UTC")
    assert len(table["carrier"].unique()) == 16
    assert pq.read_metadata(made).num_row_groups == 4


def test_the_tables_that_people_publish_keep_every_cell(inputs: Path, tmp_path: Path) -> None:
    tabular = inputs / "tabular"
    sources = [*sorted(tabular.glob("*.csv")), *sorted(tabular.glob("digital-land/*.csv"))]
    outcomes = convert_folder(sources, home=tmp_path, null_text=None)
    tables = {}
    for source, made in outcomes.items():
        assert isinstance(made, Path)
        tables[source.name] = assert_every_cell_says_its_text(source, made)
    provision = tables["provision.csv"]
    assert provision.num_rows == 8_369
    assert len(provision["organisation"].unique()) == 457
    assert provision.schema.field("start-date").type == pa.date32()
    assert tables["planes.csv"].schema.field("speed").type == pa.string()
    lookup = tables["conservation-area.lookup.csv"]
    assert lookup.schema.field("reference").type == pa.string()
    assert lookup.schema.field("entity").type == pa.int64()


def test_blank_organisations_are_a_slice_and_all_slices_are_the_whole(
    inputs: Path, tmp_path: Path
) -> None:
    source = inputs / "tabular" / "digital-land" / "brownfield-land.lookup.csv"
    with source.open(encoding="utf-8", newline="") as text:
        said = Counter(row["organisation"] for row in csv.DictReader(text))
    table = pq.read_table(converted(source, home=tmp_path, null_text=None))
    organisations = table["organisation"]
    held = {o: pc.sum(pc.equal(organisations, o)).as_py() for o in list(said)[:20]}
    assert held == {o: said[o] for o in held}
    assert pc.sum(pc.equal(organisations, "")).as_py() == said[""] > 0
    assert organisations.null_count == 0
    assert said.total() == table.num_rows


def test_a_byte_order_mark_and_windows_1252_are_read(inputs: Path, tmp_path: Path) -> None:
    marked = inputs / "messy" / "utf8-bom.cabinet-turnover.csv"
    table = assert_every_cell_says_its_text(
        marked, converted(marked, home=tmp_path, null_text=None)
    )
    assert table.schema.names[0] == "president"
    assert table.schema.names[-2:] == ["column_9", "column_10"]
    old = inputs / "messy" / "windows-1252.brownfield.csv"
    made = converted(old, home=tmp_path, null_text=None)
    table = assert_every_cell_says_its_text(old, made, encoding="cp1252")
    assert b"\x92" in old.read_bytes()
    texts = [str(text) for column in table.columns for text in column.to_pylist()]
    assert any("\N{RIGHT SINGLE QUOTATION MARK}" in text for text in texts)
    assert table.schema.field("GeoX").type == pa.float64()


def test_a_ragged_file_is_refused_at_its_first_bad_line(inputs: Path, tmp_path: Path) -> None:
    ragged = inputs / "messy" / "ragged.brownfield.csv"
    with pytest.raises(SetupError, match=r"line 8 has 20 fields and the header has 29"):
        converted(ragged, home=tmp_path, null_text=None)
