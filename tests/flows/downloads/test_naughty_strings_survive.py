"""The Big List of Naughty Strings: through every format, and as the value of every text filter."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_plus

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.flows.service import Service, serving
from tests.flows.slices_evaluation import lower

Strings = list[str]


@pytest.fixture(scope="module")
def strings(inputs: Path) -> Strings:
    found: Strings = json.loads((inputs / "text" / "blns.json").read_text(encoding="utf-8"))
    assert len(found) > 500
    return found


@pytest.fixture(scope="module")
def service(strings: Strings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serve the strings with their places, alone with a null, and as the names of columns."""
    folder = tmp_path_factory.mktemp("naughty")
    table = pa.table({"place": range(len(strings)), "text": pa.array(strings, pa.string())})
    pq.write_table(table, folder / "naughty.parquet", row_group_size=50)
    alone = pa.table({"text": pa.array([*strings, None], pa.string())})
    pq.write_table(alone, folder / "alone.parquet", row_group_size=50)
    named = [pa.array([name], pa.string()) for name in _distinct(strings)]
    pq.write_table(pa.table(named, names=_distinct(strings)), folder / "names.parquet")
    with serving(folder, home=tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, timeout=60) as opened:
        yield opened


def _distinct(strings: Strings) -> Strings:
    return list(dict.fromkeys(strings))


def _body(client: httpx.Client, url: str) -> bytes:
    answer = client.get(url)
    assert answer.status_code == 200, f"{url}\n{answer.text}"
    return answer.content


def _places(client: httpx.Client, query: str) -> list[int]:
    answer = json.loads(_body(client, f"/naughty.json?_select=place&{query}"))
    return [row["place"] for row in answer]


def _csv(body: bytes, **dialect: str) -> list[list[str]]:
    text = body.decode("utf-8-sig" if dialect.pop("bom", "") else "utf-8")
    return list(csv.reader(io.StringIO(text, newline=""), strict=True, **dialect))  # type: ignore[arg-type]  # a dialect's options are text


@pytest.mark.parametrize("query", ["", "place__gte=0", "_sort=place"])
def test_every_string_comes_back_in_every_format(
    client: httpx.Client, strings: Strings, query: str
) -> None:
    rows = _csv(_body(client, f"/naughty.csv?{query}"))
    assert rows == [["place", "text"], *([str(n), text] for n, text in enumerate(strings))]
    assert _texts(json.loads(_body(client, f"/naughty.json?{query}"))) == strings
    lines = _body(client, f"/naughty.ndjson?{query}").decode().split("\n")
    assert lines.pop() == ""
    assert _texts([json.loads(line) for line in lines]) == strings
    stored = pq.read_table(io.BytesIO(_body(client, f"/naughty.parquet?{query}")))
    assert stored.column("text").to_pylist() == strings
    with pa.ipc.open_stream(_body(client, f"/naughty.arrow?{query}")) as stream:
        assert stream.read_all().column("text").to_pylist() == strings


def _texts(rows: list[dict[str, str]]) -> Strings:
    return [row["text"] for row in rows]


@pytest.mark.parametrize("delimiter", [";", "|", "tab", "'", "a", " "])
def test_every_string_comes_back_with_any_delimiter(
    client: httpx.Client, strings: Strings, delimiter: str
) -> None:
    body = _body(client, f"/naughty.csv?_header=off&_delimiter={quote_plus(delimiter)}")
    rows = _csv(body, delimiter="\t" if delimiter == "tab" else delimiter)
    assert [text for _, text in rows] == strings


def test_every_string_comes_back_from_a_column_alone_and_null_is_told_apart(
    client: httpx.Client, strings: Strings
) -> None:
    rows = _csv(_body(client, "/alone.csv?_header=off&_null=~null~"))
    assert rows == [*([text] for text in strings), ["~null~"]]


@pytest.mark.parametrize("null", ["NULL", "nil", "0", "-", "undefined"])
def test_a_string_that_looks_like_the_null_text_is_quoted(
    client: httpx.Client, strings: Strings, null: str
) -> None:
    body = _body(client, f"/alone.csv?_header=off&_null={null}").decode()
    assert body.endswith(f"\n{null}\n")
    lines = _csv(body.encode())
    assert [text for (text,) in lines] == [*strings, null]
    assert body.split("\n").count(f'"{null}"') == strings.count(null)


def test_for_excel_what_looks_like_a_formula_gets_an_apostrophe_and_nothing_else_changes(
    client: httpx.Client, strings: Strings
) -> None:
    body = _body(client, "/naughty.csv?_excel=1")
    assert body.startswith(b"\xef\xbb\xbf")
    rows = _csv(body, bom="1")
    begins = ("=", "+", "-", "@", "\t", "\r")
    expected = [f"'{text}" if text.startswith(begins) else text for text in strings]
    assert rows == [["place", "text"], *([str(n), text] for n, text in enumerate(expected))]


def test_every_string_can_be_the_name_of_a_column(client: httpx.Client, strings: Strings) -> None:
    names = _distinct(strings)
    header, values = _csv(_body(client, "/names.csv"))
    assert header == values == names
    (row,) = json.loads(_body(client, "/names.json"))
    assert list(row) == list(row.values()) == names
    for name in names:
        quoted = '"' + name.replace('"', '""') + '"'
        key = f"{name}__exact" if name.startswith("_") else name
        filtered = f"{quote_plus(key)}={quote_plus(name)}"
        answer = _body(client, f"/names.ndjson?_select={quote_plus(quoted)}&{filtered}")
        assert json.loads(answer) == {name: name}, name


def test_every_string_is_found_by_equality(client: httpx.Client, strings: Strings) -> None:
    for number, text in enumerate(_distinct(strings)):
        expected = [place for place, each in enumerate(strings) if each == text]
        key = ("text", "text__exact")[number % 2]
        assert _places(client, f"{key}={quote_plus(text)}") == expected, text
        literal = quote_plus("text = '" + text.replace("'", "''") + "'")
        assert _places(client, f"_where={literal}") == expected, text


def test_every_string_is_found_in_a_json_list(client: httpx.Client, strings: Strings) -> None:
    for number, text in enumerate(_distinct(strings)):
        expected = [place for place, each in enumerate(strings) if each in {text, "nil"}]
        listed = quote_plus(json.dumps([text, "nil"], ensure_ascii=number % 2 == 0))
        assert _places(client, f"text__in={listed}") == expected, text


def test_all_strings_but_one_are_found_by_its_negation(
    client: httpx.Client, strings: Strings
) -> None:
    for text in _distinct(strings)[::7]:
        expected = [place for place, each in enumerate(strings) if each != text]
        if text:
            assert _places(client, f"text__not={quote_plus(text)}") == expected, text
        assert _places(client, f"text__notin={quote_plus(json.dumps([text]))}") == expected, text


def test_every_string_is_found_where_it_is_contained(
    client: httpx.Client, strings: Strings
) -> None:
    for text in _distinct(strings):
        if not text:
            continue
        value = quote_plus(text)
        expected = [place for place, each in enumerate(strings) if text in each]
        assert _places(client, f"text__contains={value}") == expected, text


def test_a_string_is_found_by_its_beginning_its_end_and_in_another_case(
    client: httpx.Client, strings: Strings
) -> None:
    for text in _distinct(strings)[::5]:
        if not text:
            continue
        begin, end = text[:9], text[-9:]
        expected = [place for place, each in enumerate(strings) if each.startswith(begin)]
        assert _places(client, f"text__startswith={quote_plus(begin)}") == expected, text
        expected = [place for place, each in enumerate(strings) if each.endswith(end)]
        assert _places(client, f"text__endswith={quote_plus(end)}") == expected, text
        expected = [place for place, each in enumerate(strings) if lower(end) in lower(each)]
        assert _places(client, f"text__icontains={quote_plus(end)}") == expected, text


def test_strings_sort_by_code_points_and_group_to_themselves(
    client: httpx.Client, strings: Strings
) -> None:
    rows = json.loads(_body(client, "/naughty.json?_sort=text"))
    assert _texts(rows) == sorted(strings)
    groups = json.loads(_body(client, "/naughty.json?_group=text&_select=text,count(*)+as+n"))
    assert {row["text"]: row["n"] for row in groups} == {
        text: strings.count(text) for text in strings
    }
