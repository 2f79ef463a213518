"""Whatever is sent, nothing outside the tenant's store is read, and nothing is made of it."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.flows.canaries import Asking, assert_clean, canaries_around
from tests.flows.hostile_texts import SQL, TRAVERSALS

from penstock.errors import PenstockError
from penstock.reading.engine import Allowance


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    with canaries_around(tmp_path_factory.mktemp("outside")) as running:
        yield running


@pytest.mark.parametrize("text", SQL)
def test_sql_as_a_value_is_the_text_that_it_is(asking: Asking, text: str) -> None:
    for key in ("name", "name__contains"):
        answer = asking.query(key, text)
        assert (answer.status_code, answer.text) == (200, "name,n,size\n"), key
    listed = asking.query("name__in", '["' + text.replace("\\", "\\\\").replace('"', '\\"') + '"]')
    if text.isprintable():
        assert (listed.status_code, listed.text) == (200, "name,n,size\n")
    assert asking.query("name__not", text).text.count("\n") == 4
    place = SQL.index(text)
    same = asking.get(f"/texts.json?_select=n&name={quote(text, safe='')}")
    assert same.json() == [{"n": place}]
    literal = "'" + text.replace("'", "''") + "'"
    where = asking.get(f"/texts.json?_select=n&_where={quote(f'name = {literal}', safe='')}")
    assert where.status_code == 200, where.text
    assert where.json() == [{"n": place}]


@pytest.mark.parametrize("text", SQL)
def test_sql_where_a_number_belongs_is_refused(asking: Asking, text: str) -> None:
    is_number = text.strip().isdigit()
    for key in ("n", "size__in", "_limit"):
        assert asking.query(key, text).status_code == (200 if is_number else 400), key


@pytest.mark.parametrize("text", SQL)
def test_sql_as_a_key_or_a_control_is_refused(asking: Asking, text: str) -> None:
    for key, value in [
        (text, "1"),
        (f"name__{text}", "1"),
        ("_where", text),
        ("_select", f"name as n, {text}"),
        ("_group", text),
        ("_sort", text),
        ("_cursor", text),
        ("_distinct", text),
        ("_version", text),
    ]:
        answer = asking.query(key, value)
        expected = 400
        if text in ("1", "TRUE") and key == "_distinct":
            expected = 200
        if key == "_version" and re.fullmatch("[A-Za-z0-9_-]+", text):
            expected = 410
        assert answer.status_code == expected, (key, value, answer.text[:200])


STATEMENTS = [
    "SELECT content FROM read_text('{}')",
    "SELECT * FROM read_blob('{}')",
    "SELECT * FROM read_csv('{}')",
    "SELECT * FROM read_csv_auto('{}')",
    "SELECT * FROM read_json('{}')",
    "SELECT * FROM read_parquet('{}')",
    "SELECT * FROM parquet_metadata('{}')",
    "SELECT * FROM parquet_schema('{}')",
    "SELECT * FROM parquet_scan('{}')",
    "SELECT * FROM '{}'",
    "FROM '{}'",
    "SELECT (SELECT content FROM read_text('{}'))",
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM read_text('{}'))",
    "SELECT 1 ORDER BY (SELECT content FROM read_text('{}'))",
    "SELECT 1 GROUP BY (SELECT content FROM read_text('{}'))",
    "SELECT 1 LIMIT (SELECT size FROM read_text('{}'))",
    "WITH a AS (SELECT * FROM read_text('{}')) SELECT * FROM a",
    "SELECT 1 UNION ALL SELECT size FROM read_text('{}')",
    "SELECT * FROM (VALUES (1)) a(x), LATERAL (SELECT * FROM read_text('{}'))",
    "SELECT list((SELECT content FROM read_text('{}')))",
    "SELECT * FROM glob('{}*')",
    "COPY (SELECT 1) TO '{}.stolen'",
    "EXPORT DATABASE '{}.stolen'",
    "IMPORT DATABASE '{}'",
    "ATTACH '{}.db' AS x",
    "LOAD '{}'",
    "SELECT * FROM sniff_csv('{}')",
]


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("name", ["canary.txt", "canary.csv", "canary.parquet", "/etc/passwd"])
def test_the_engine_itself_reads_nothing_outside(asking: Asking, statement: str, name: str) -> None:
    target = str(asking.outside / name)
    with pytest.raises(PenstockError) as caught:
        rows_of(asking, statement.replace("{}", target))
    assert_clean(str(caught.value).encode())
    assert not list(asking.outside.glob("*.stolen"))


@pytest.mark.parametrize(
    "statement",
    [
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "SET lock_configuration = false",
        "RESET enable_external_access",
        "SET memory_limit = '100GB'",
        "SET autoload_known_extensions = true",
        "PRAGMA enable_external_access",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CREATE PERSISTENT SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')",
    ],
)
def test_the_engine_is_never_reconfigured(asking: Asking, statement: str) -> None:
    with pytest.raises(PenstockError):
        rows_of(asking, statement)


def rows_of(asking: Asking, statement: str) -> list[object]:
    engine = asking.service.resources.reader.engine
    allowance = Allowance(seconds=20)
    with engine.rows(statement, (), dataset="area", batch_rows=10, allowance=allowance) as rows:
        return [batch.to_pylist() for batch in rows]


def test_the_engine_reads_the_store(asking: Asking) -> None:
    place = asking.outside / "home" / "store" / "acme" / "datasets" / "area.parquet"
    assert rows_of(asking, f"SELECT count(*) AS n FROM '{place}'") == [[{"n": 3}]]


@pytest.mark.parametrize("target", TRAVERSALS, ids=lambda target: ascii(target)[:60])
def test_a_path_that_wanders_leads_nowhere(asking: Asking, target: bytes) -> None:
    answer = asking.raw(target)
    assert answer is not None
    # These two are spelled oddly and mean just what they say.
    same = target in (b"/ar%65a%2ecsv", b"/are?.csv")
    assert answer.status in ((200, 400, 404) if same else (400, 404))
    names = {name for name, _ in answer.headers}
    assert not names & {"set-cookie", "x-injected"}


@pytest.mark.parametrize("text", ["' OR 1=1 --", "pk_%_%", "../../etc/passwd", "\x7f", "a" * 3000])
def test_a_hostile_key_is_a_wrong_key(asking: Asking, text: str) -> None:
    assert asking.get("/area.csv", x_api_key=text).status_code in (400, 401)
    assert asking.get("/area.csv", authorization=f"Basic {text}").status_code in (400, 401)


@pytest.mark.parametrize(
    "name",
    [
        "a\r\nSet-Cookie: x=y",
        "a\nX-Injected: y",
        "a\rb",
        'a"; filename="b',
        "a;b",
        "../../a",
        "a/b",
        "a\\b",
        "é",
        "",
        ".",
        "..",
        "   ",
        "a" * 201,
        "a\0b",
        "a\u2028b",
        "%0d%0a",
        "a'b",
        "<a>",
    ],
)
def test_a_file_name_is_plain_or_refused(asking: Asking, name: str) -> None:
    answer = asking.query("_filename", name)
    assert answer.status_code == 400
    assert "set-cookie" not in answer.headers
    assert "x-injected" not in answer.headers


def test_line_ends_in_values_stay_within_their_header(asking: Asking) -> None:
    for text in ("a\r\nSet-Cookie: x=y", "a\nX-Injected: y", "a\r\n\r\nHTTP/1.1 200 OK\r\n"):
        for key in ("name", "name__not"):
            answer = asking.query(key, text)
            assert answer.status_code == 200
            assert "set-cookie" not in answer.headers
            assert "x-injected" not in answer.headers
            assert "%0D%0A" in answer.headers["content-location"].upper() or "%0A" in (
                answer.headers["content-location"].upper()
            )
        paged = asking.get(f"/area.csv?_limit=1&name__not={quote(text, safe='')}")
        assert paged.links["next"]["url"]
        assert asking.query(text, "1").status_code == 400


def test_more_filters_than_fifty_are_refused(asking: Asking) -> None:
    fifty = "&".join(f"name__not=x{n}" for n in range(50))
    assert asking.get(f"/area.csv?{fifty}").status_code == 200
    sixty = "&".join(f"name__not=x{n}" for n in range(60))
    answer = asking.get(f"/area.csv?{sixty}")
    assert answer.status_code == 400
    assert answer.json()["type"].endswith(":too-many-filters")
    assert (answer.json()["limit"], answer.json()["reached"]) == (50, 60)
    assert asking.get("/area.csv?" + "&".join(["n=1"] * 51)).status_code == 400
    assert asking.get("/area.csv?" + "&" * 5000).status_code == 200
    assert asking.get("/area.csv?" + "=&" * 2000).status_code == 400
    assert asking.get("/area.csv?" + "a&" * 2000).status_code == 400


@pytest.mark.parametrize("letter", ["a", "'", '"', "\\", "%", "(", "é", "\N{OLD ITALIC LETTER A}"])
def test_a_very_long_value_is_a_value_or_too_long(asking: Asking, letter: str) -> None:
    encoded = len(quote(letter, safe=""))
    fits = asking.query("name", letter * (8000 // encoded))
    assert (fits.status_code, fits.text) == (200, "name,n,size\n")
    too_long = asking.raw(f"/area.csv?name={quote(letter * 10_000, safe='')}".encode())
    assert too_long is None or too_long.status in (400, 414)


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 500 + "n=1" + ")" * 500,
        "NOT " * 900 + "n=1",
        "n=" + "-" * 900 + "1",
        "n=" + "- " * 900 + "1",
        "(" * 4000,
        "lower(" * 400 + "name" + ")" * 400 + "='a'",
        "coalesce(" * 300 + "name" + ")" * 300 + "='a'",
        "name='" + "a" * 5000 + "'",
        "n IN (" + "1," * 3000 + "1)",
        '"' * 2001,
        "'" * 2001,
        "n=1e" + "9" * 3000,
        "n=" + "9" * 3000,
        "n BETWEEN " * 300 + "1",
        "CASE " * 700,
        "n=1 AND " * 450 + "(" * 100,
        "name LIKE '" + "%a" * 1500 + "' AND (",
    ],
    ids=lambda text: text[:12],
)
def test_an_expression_that_is_deep_or_long_is_refused_at_once(
    asking: Asking, expression: str
) -> None:
    answer = asking.query("_where", expression)
    assert answer.status_code == (400 if len(quote(expression, safe="")) < 8000 else 414)


def test_a_list_that_is_deep_or_odd_is_refused(asking: Asking) -> None:
    for text in (
        "[" * 2500,
        "[" * 500 + "]" * 500,
        '["a",["b"]]',
        '[{"a":1}]',
        "[1,",
        '["a"',
        "[]",
    ):
        assert asking.query("n__in", text).status_code == 400, text[:20]
    for text in ('["\\ud800"]', '["\\u0000"]'):
        assert asking.query("name__in", text).status_code == 400, text
    assert asking.query("n__in", f"[{'1,' * 1800}1]").status_code == 200


def test_nothing_was_written_where_the_attacks_aimed(asking: Asking) -> None:
    assert not list(asking.outside.glob("*stolen*"))
    assert not Path("/tmp/stolen.csv").exists()
    assert not Path("/tmp/stolen").exists()
    assert asking.is_well()
