"""Real CSV files, served as a folder of them: every row once, every slice the rows it names."""

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pyarrow.csv as pa_csv
import pytest
from tests.flows.csv_spectrum import SPECTRUM
from tests.flows.service import serving

LOOKUPS = ["article-4-direction-lookup", "brownfield-land-lookup", "conservation-area-lookup"]
BROKEN = {
    "no-parquet.parquet": b"PAR1 this was never finished",
    "cut.parquet": b"PAR1",
    "nothing.csv": b"",
    "open-quote.csv": b'a,b\n1,"2\n3,4\n',
    "ragged-lines.csv": b"a,b\n1,2\n1,2,3\n",
    "latin.txt": b"not looked at",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A served folder: a client of it, and the texts of its CSV files by dataset."""

    client: httpx.Client
    sources: dict[str, Path]

    def get(self, path: str, **params: str) -> httpx.Response:
        answer = self.client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer

    def lines(self, dataset: str, params: dict[str, str]) -> Counter[bytes]:
        """Give the lines of a slice as CSV, and how often each is there."""
        content = self.get(f"/{dataset}.csv", _header="off", _null="NULL", **params).content
        return Counter(content.split(b"\n")[:-1])

    def said(self, dataset: str) -> list[dict[str, str]]:
        """Read a source with Python's own reader."""
        with self.sources[dataset].open(encoding="utf-8-sig", newline="") as text:
            return list(csv.DictReader(text))


@pytest.fixture(scope="module")
def folder(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    place = tmp_path_factory.mktemp("csv")
    served = place / "served"
    served.mkdir()
    copied = [
        *(inputs / "tabular" / "digital-land").glob("*.csv"),
        *(inputs / "tabular").glob("*.csv"),
        *(inputs / "messy").glob("*.csv"),
        *(inputs / "csv" / "csv-spectrum" / "csvs").glob("*.csv"),
    ]
    sources = {}
    for source in copied:
        shutil.copyfile(source, served / source.name)
        sources[source.stem.replace(".", "-")] = served / source.name
    for name, content in BROKEN.items():
        (served / name).write_bytes(content)
    with (
        serving(served, home=place / "home") as service,
        httpx.Client(
            base_url=service.url, timeout=120, headers={"accept-encoding": "identity"}
        ) as client,
    ):
        yield Folder(client=client, sources=sources)


@pytest.fixture(scope="module")
def flights(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    place = tmp_path_factory.mktemp("flights")
    with zipfile.ZipFile(inputs / "tabular" / "flights.csv.zip") as archive:
        source = Path(archive.extract("flights.csv", place))
    with (
        serving(source, home=place / "home", null_text="NA") as service,
        httpx.Client(
            base_url=service.url, timeout=120, headers={"accept-encoding": "identity"}
        ) as client,
    ):
        yield Folder(client=client, sources={"flights": source})


@pytest.mark.parametrize("dataset", [*LOOKUPS, "provision", "airlines", "planes"])
def test_a_file_has_all_its_rows_in_their_order(folder: Folder, dataset: str) -> None:
    said = folder.said(dataset)
    schema = folder.get(f"/{dataset}/-/schema.json").json()
    assert schema["rows"] == len(said)
    assert folder.get(f"/{dataset}/-/count.json").json()["rows"] == len(said)
    assert [column["name"] for column in schema["columns"]] == list(said[0])
    served = csv.DictReader(io.StringIO(folder.get(f"/{dataset}.csv").text, newline=""))
    assert list(served) == said


def kinds(folder: Folder, dataset: str) -> dict[str, str]:
    schema = folder.get(f"/{dataset}/-/schema.json").json()
    return {column["name"]: column["kind"] for column in schema["columns"]}


def test_columns_have_the_types_of_what_stands_in_them(folder: Folder, flights: Folder) -> None:
    lookup = kinds(folder, "conservation-area-lookup")
    assert (lookup["entity"], lookup["reference"], lookup["organisation"]) == (
        "integer",
        "text",
        "text",
    )
    provision = kinds(folder, "provision")
    assert (provision["start-date"], provision["organisation"]) == ("date", "text")
    flown = kinds(flights, "flights")
    assert {flown[name] for name in ("year", "dep_time", "arr_delay", "flight", "distance")} == {
        "integer"
    }
    assert (flown["carrier"], flown["tailnum"], flown["time_hour"]) == (
        "text",
        "text",
        "timestamptz",
    )


@pytest.mark.parametrize("dataset", LOOKUPS)
def test_a_blank_organisation_owns_the_blank_rows_alone(folder: Folder, dataset: str) -> None:
    said = folder.said(dataset)
    blank = [row for row in said if row["organisation"] == ""]
    for key in ("organisation", "organisation__exact"):
        params = {key: ""}
        served = folder.get(f"/{dataset}.csv", **params).text
        assert list(csv.DictReader(io.StringIO(served, newline=""))) == blank
    rows = folder.get(f"/{dataset}/-/count.json", organisation__notblank="1").json()["rows"]
    assert rows == len(said) - len(blank)


@pytest.mark.parametrize(
    ("dataset", "column"),
    [
        ("article-4-direction-lookup", "organisation"),
        ("brownfield-land-lookup", "prefix"),
        ("conservation-area-lookup", "start-date"),
        ("provision", "dataset"),
        ("provision", "project"),
        ("provision", "provision-reason"),
        ("provision", "role"),
        ("provision", "start-date"),
        ("planes", "engines"),
        ("planes", "manufacturer"),
        ("airlines", "carrier"),
    ],
)
def test_the_slices_of_a_column_add_up_to_the_whole(
    folder: Folder, dataset: str, column: str
) -> None:
    assert_slices_add_up(folder, dataset, column)


@pytest.mark.parametrize("column", ["carrier"])
def test_the_slices_of_flights_add_up_to_the_whole(flights: Folder, column: str) -> None:
    assert_slices_add_up(flights, "flights", column)


def assert_slices_add_up(folder: Folder, dataset: str, column: str) -> None:
    """Take each value's slice; together they hold each row as often as the whole does."""
    groups = folder.get(
        f"/{dataset}.json", _select=f'"{column}" as v,count(*) as n', _group=f'"{column}"'
    ).json()
    together: Counter[bytes] = Counter()
    for group in groups:
        value = group["v"]
        params = {f"{column}__isnull": "1"} if value is None else {column: str(value)}
        slice_of_it = folder.lines(dataset, params)
        assert slice_of_it.total() == group["n"], value
        together.update(slice_of_it)
    assert together == folder.lines(dataset, {})


@pytest.mark.parametrize("dataset", [*LOOKUPS, "provision"])
def test_every_organisation_has_as_many_rows_as_the_file_says(folder: Folder, dataset: str) -> None:
    said = Counter(row["organisation"] for row in folder.said(dataset))
    rows = folder.get(
        f"/{dataset}.json", _select="organisation,count(*) as n", _group="organisation"
    ).json()
    assert {row["organisation"]: row["n"] for row in rows} == said
    for organisation in list(said)[::40]:
        path = f"/{dataset}/-/count.json"
        assert folder.get(path, organisation=organisation).json()["rows"] == said[organisation]


def test_flights_are_served_as_the_file_says_them(flights: Folder) -> None:
    served = flights.get("/flights.csv", _null="NA").content
    assert served == flights.sources["flights"].read_bytes().replace(b"\r\n", b"\n")
    assert served.count(b"\n") == 336_777


def test_the_null_text_of_flights_is_null(flights: Folder) -> None:
    options = pa_csv.ConvertOptions(null_values=["NA"], strings_can_be_null=True)
    said = pa_csv.read_csv(flights.sources["flights"], convert_options=options)
    for column in ("dep_time", "tailnum", "air_time"):
        absent = said[column].null_count
        assert absent
        nulls = flights.get("/flights/-/count.json", **{f"{column}__isnull": "1"}).json()
        others = flights.get("/flights/-/count.json", **{f"{column}__notnull": "1"}).json()
        assert (nulls["rows"], others["rows"]) == (absent, said.num_rows - absent)
    sliced = flights.get("/flights.csv", dep_time__isnull="1", _select="dep_time,carrier").text
    assert sliced.count("\n") == said["dep_time"].null_count + 1
    assert all(line.startswith(",") for line in sliced.splitlines()[1:])
    assert flights.get("/flights.csv", tailnum="NA").text.count("\n") == 1


@pytest.mark.parametrize("name", SPECTRUM)
def test_csv_spectrum_is_served_as_its_json_says(folder: Folder, inputs: Path, name: str) -> None:
    said = json.loads(
        (inputs / "csv" / "csv-spectrum" / "json" / f"{name}.json").read_text(encoding="utf-8")
    )
    rows = folder.get(f"/{name}.json").json()
    held = [
        {key: "" if value is None else str(value) for key, value in row.items()} for row in rows
    ]
    # This copy of the files with CRLF went through a tool that made their line ends LF.
    assert held == json.loads(json.dumps(said).replace("\\r\\n", "\\n"))


def test_the_twelfth_of_csv_spectrum_is_served_as_its_csv_says(folder: Folder) -> None:
    (row,) = folder.get("/location_coordinates.json").json()
    assert row["Contact Phone Number"] == 2_095_257_564


def test_a_byte_order_mark_belongs_to_no_name(folder: Folder) -> None:
    dataset = "utf8-bom-cabinet-turnover"
    said = folder.said(dataset)
    columns = folder.get(f"/{dataset}/-/schema.json").json()["columns"]
    assert columns[0]["name"] == "president"
    assert folder.get(f"/{dataset}/-/count.json").json()["rows"] == len(said)
    carter = sum(row["president"] == "Carter" for row in said)
    assert folder.lines(dataset, {"president": "Carter"}).total() == carter > 0


def test_windows_1252_is_served_as_utf_8(folder: Folder) -> None:
    dataset = "windows-1252-brownfield"
    text = folder.sources[dataset].read_text(encoding="cp1252")
    said = list(csv.reader(io.StringIO(text, newline="")))
    assert folder.get(f"/{dataset}/-/count.json").json()["rows"] == len(said) - 1
    assert "\N{RIGHT SINGLE QUOTATION MARK}" in folder.get(f"/{dataset}.csv").text


def test_what_cannot_be_served_says_why_and_stops_nothing_else(folder: Folder) -> None:
    listed = {each["name"]: each for each in folder.get("/-/datasets.json").json()["datasets"]}
    problems = {name: each["problem"] for name, each in listed.items() if "problem" in each}
    assert sorted(problems) == [
        "cut",
        "no-parquet",
        "nothing",
        "open-quote",
        "ragged-brownfield",
        "ragged-lines",
    ]
    assert "line 8 has 20 fields and the header has 29" in problems["ragged-brownfield"]
    for name, problem in problems.items():
        assert "\n" not in problem
        assert str(folder.sources["provision"].parent) not in problem
        answer = folder.client.get(f"/{name}.csv")
        assert answer.status_code == 500
        assert answer.json()["type"] == "urn:penstock:problem:dataset-damaged"
        assert problem in answer.json()["detail"]
    assert set(listed) - set(problems) == {*folder.sources} - {"ragged-brownfield"}


def test_the_command_serves_a_folder_says_what_it_refuses_and_ends_cleanly(
    tmp_path: Path,
) -> None:
    served = tmp_path / "served"
    served.mkdir()
    (served / "good.csv").write_bytes(b"name,n\noak,NA\nelm,2\n")
    for name, content in BROKEN.items():
        (served / name).write_bytes(content)
    command = [sys.executable, "-m", "penstock", "serve", str(served), "--port", "0"]
    with subprocess.Popen(
        [*command, "--home", str(tmp_path / "home"), "--null", "NA"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if "Ctrl" in line:
                break
        url = re.search(r"http://localhost:\d+", "".join(said))
        assert url is not None, "".join(said)
        answer = httpx.get(f"{url[0]}/good.csv?n__isnull=1")
        process.send_signal(signal.SIGINT)
        rest, logged = process.communicate(timeout=20)
    assert answer.text == "name,n\noak,\n"
    assert process.returncode == 0
    assert "Traceback" not in rest + logged
    told = "".join(said)
    for name in ("no-parquet", "cut", "nothing", "open-quote", "ragged-lines"):
        lines = [line for line in told.splitlines() if name in line]
        assert lines, told
    assert "latin" not in told
