"""What every download carries: its headers, its coding, its conditions, and its rows."""

import gzip
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.flows.raw_requests import ask_raw
from tests.flows.sample_service import QUALITIES, ROWS, Sample, sample_service

FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
}
TEXT = ["csv", "json", "ndjson"]
FILTER = "quality=some"
EXPOSED = {"etag", "content-range", "link", "download-id"}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    with sample_service(tmp_path_factory.mktemp("contract")) as running:
        yield running


def decoded(body: bytes, coding: str | None) -> bytes:
    if coding == "gzip":
        return gzip.decompress(body)
    if coding == "zstd":
        with pa.CompressedInputStream(pa.BufferReader(body), "zstd") as stream:
            return bytes(stream.read())
    return body


def rows_in(content: bytes, extension: str) -> list[dict[str, Any]]:
    match extension:
        case "json":
            rows: list[dict[str, Any]] = json.loads(content)
        case "ndjson":
            rows = [json.loads(line) for line in content.split(b"\n")[:-1]]
        case "parquet":
            rows = pq.read_table(io.BytesIO(content)).to_pylist()
        case "arrow":
            rows = pa.ipc.open_stream(content).read_all().to_pylist()
        case _:
            raise ValueError(extension)
    return rows


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("query", ["", f"?{FILTER}", "?_limit=3", "?_sort=-score&_limit=3"])
def test_a_download_has_its_headers(sample: Sample, extension: str, query: str) -> None:
    answer = sample.get(f"/area.{extension}{query}")
    headers = answer.headers
    assert answer.status_code == 200
    assert headers["content-type"] == FORMATS[extension]
    assert headers["content-disposition"] == f'attachment; filename="area.{extension}"'
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["etag"].startswith('"')
    assert headers["etag"].endswith('"')
    assert headers["vary"] == "Accept-Encoding"
    assert headers["content-location"] == f"/area.{extension}{query}"
    assert headers["access-control-allow-origin"] == "*"
    exposed = {name.strip().lower() for name in headers["access-control-expose-headers"].split(",")}
    assert exposed >= EXPOSED
    assert len(headers["download-id"]) == 32
    assert headers["accept-ranges"] == "bytes"
    stored = sample.home / "store" / "acme" / "datasets" / "area.parquet"
    assert parsedate_to_datetime(headers["last-modified"]) == datetime.fromtimestamp(
        int(stored.stat().st_mtime), UTC
    )
    shared = 300 if query else 3600
    assert headers["cache-control"] == (f"public, max-age=60, s-maxage={shared}, must-revalidate")
    for name in ("server", "x-powered-by", "set-cookie"):
        assert name not in headers


@pytest.mark.parametrize("extension", FORMATS)
def test_the_number_of_rows_is_told_where_it_is_known(sample: Sample, extension: str) -> None:
    for path, rows in [
        ("/area", ROWS),
        ("/area?_offset=29990", 10),
        ("/area?_limit=20000", 20_000),
        (f"/ten?{'letter=a'}&_limit=100", 4),
        ("/none", 0),
        ("/ten?_limit=0", 0),
    ]:
        name, _, query = path.partition("?")
        answer = sample.get(f"{name}.{extension}?{query}")
        assert answer.headers["x-row-count"] == str(rows), path


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("quality=some&n__gt=3", "n__gt=3&quality=some"),
        ("quality__exact=some", "quality=some"),
        ("quality=some&quality=authoritative", "quality__in=authoritative,some"),
        ("quality=s%6fme", "quality=some"),
        ("quality=some&utm_source=x&fbclid=1&gclid=2", "quality=some"),
        ("organisation-entity=07", "organisation-entity=7"),
        ("size=1.50", "size=1.5"),
        ("_where=score>1 AND  score<2", "_where=(score > 1.0) and score < 2"),
        ("_select=reference,quality", "_select=reference, quality"),
        ("_limit=5&quality=some", "quality=some&_limit=05"),
        ("quality=some&_dl=off", "quality=some"),
        ("quality=some&_filename=other", "quality=some"),
        ("_header=on&quality=some", "quality=some"),
        ("_delimiter=%2C&quality=some", "quality=some"),
    ],
)
def test_two_spellings_of_a_query_are_one_answer(sample: Sample, one: str, other: str) -> None:
    one, other = (query.replace("n__gt", "score__gt") for query in (one, other))
    first, second = (sample.get(f"/area.csv?{query}") for query in (one, other))
    assert first.status_code == second.status_code == 200, (first.text[:300], second.text[:300])
    assert first.headers["etag"] == second.headers["etag"]
    assert first.headers["content-location"] == second.headers["content-location"]
    assert first.content == second.content
    again = sample.get(first.headers["content-location"])
    assert again.headers["etag"] == first.headers["etag"]
    assert again.content == first.content


def test_the_tag_differs_with_everything_that_changes_the_bytes(sample: Sample) -> None:
    tags = [
        sample.get(path, **headers).headers["etag"]
        for path, headers in [
            ("/area.csv", {}),
            ("/area.csv", {"accept_encoding": "gzip"}),
            ("/area.csv", {"accept_encoding": "zstd"}),
            ("/area.json", {}),
            ("/area.ndjson", {}),
            ("/area.parquet", {}),
            ("/area.arrow", {}),
            ("/ten.csv", {}),
            ("/plan.csv", {}),
            ("/plan.csv?_version=v-1", {}),
            ("/area.csv?quality=some", {}),
            ("/area.csv?quality=", {}),
            ("/area.csv?_header=off", {}),
            ("/area.csv?_null=NA", {}),
            ("/area.csv?_excel=1", {}),
            ("/area.json?_int64=string", {}),
            ("/area.csv?_sort=score", {}),
            ("/area.csv?_limit=5", {}),
            ("/area.csv?_limit=5&_offset=5", {}),
            ("/area.csv?_select=reference", {}),
        ]
    ]
    assert len(set(tags)) == len(tags)


@pytest.mark.parametrize("extension", FORMATS)
def test_a_browser_may_be_told_to_show_and_to_name_the_file(sample: Sample, extension: str) -> None:
    shown = sample.get(f"/ten.{extension}?_dl=off")
    assert shown.headers["content-disposition"] == f'inline; filename="ten.{extension}"'
    for given in ("areas-2024", f"areas-2024.{extension}"):
        named = sample.get(f"/ten.{extension}?_filename={given}")
        expected = f'attachment; filename="areas-2024.{extension}"'
        assert named.headers["content-disposition"] == expected


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("identity", None),
        ("gzip", "gzip"),
        ("zstd", "zstd"),
        ("gzip, zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1, zstd;q=0.5", "gzip"),
        ("gzip;q=0.5, zstd;q=0.4, identity;q=1", None),
        ("zstd;q=0, gzip", "gzip"),
        ("gzip;q=0", None),
        ("*", "zstd"),
        ("*;q=0.1, identity", None),
        ("br", None),
        ("deflate", None),
        ("", None),
        ("identity;q=0, *", "zstd"),
        ("identity;q=0, gzip;q=0.001", "gzip"),
        ("*;q=0, gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("GZIP", "gzip"),
        ("gzip;Q=1", "gzip"),
        ("gzip  ;  q=0.9 , zstd ; q=0.8", "gzip"),
        ("gzip;q=nonsense, identity", None),
    ],
)
def test_the_coding_is_the_one_that_the_client_likes_best(
    sample: Sample, accept: str, coding: str | None
) -> None:
    plain = sample.get("/area.csv").content
    answer, body = sample.raw("/area.csv", accept_encoding=accept)
    assert answer.status_code == 200
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert decoded(body, coding) == plain


@pytest.mark.parametrize(
    "accept", ["identity;q=0", "*;q=0", "identity;q=0, br", "gzip;q=0, zstd;q=0, identity;q=0"]
)
def test_whoever_refuses_every_coding_gets_nothing(sample: Sample, accept: str) -> None:
    answer = sample.get("/area.csv", accept_encoding=accept)
    assert answer.status_code == 406
    assert answer.json()["codings"] == ["zstd", "gzip", "identity"]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("query", ["", f"?{FILTER}", "?_limit=5", "?_limit=0"])
def test_a_coded_answer_decodes_to_the_plain_one(
    sample: Sample, extension: str, coding: str, query: str
) -> None:
    plain = sample.get(f"/area.{extension}{query}").content
    answer, body = sample.raw(f"/area.{extension}{query}", accept_encoding=coding)
    # Parquet is compressed within.
    expected = None if extension == "parquet" else coding
    assert answer.headers.get("content-encoding") == expected
    assert decoded(body, expected) == plain


def test_parquet_is_coded_for_whoever_refuses_identity(sample: Sample) -> None:
    plain = sample.get("/ten.parquet").content
    answer, body = sample.raw("/ten.parquet", accept_encoding="identity;q=0, gzip")
    assert answer.headers["content-encoding"] == "gzip"
    assert rows_in(decoded(body, "gzip"), "parquet") == rows_in(plain, "parquet")


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("query", [b"", b"?quality=some", b"?_limit=5"])
def test_http_1_0_gets_a_length_and_no_chunks(sample: Sample, extension: str, query: bytes) -> None:
    target = b"/area." + extension.encode() + query
    for more in (b"", b"Connection: keep-alive\r\n", b"Accept-Encoding: gzip\r\n"):
        answer = ask_raw(
            sample.service.port, b"GET %s HTTP/1.0\r\nHost: localhost\r\n%s\r\n" % (target, more)
        )
        assert answer is not None
        assert answer.status == 200
        assert answer.whole
        assert answer.header("transfer-encoding") is None
        assert answer.header("content-length") == str(len(answer.body))
        coding = answer.header("content-encoding")
        assert decoded(answer.body, coding) == sample.get(target.decode()).content


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize(
    "path",
    ["/area.{}", "/area.{}?quality=some", "/area.{}?_limit=3", "/ten.{}?_sort=-n", "/none.{}"],
)
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_head_has_the_headers_of_get(
    sample: Sample, extension: str, path: str, coding: str
) -> None:
    asked = path.format(extension)
    # The first answer may make the length known that the second one tells.
    sample.get(asked, accept_encoding=coding)
    got = sample.get(asked, accept_encoding=coding)
    head = sample.get(asked, method="HEAD", accept_encoding=coding)
    assert head.status_code == got.status_code == 200
    assert head.content == b""
    assert "download-id" not in head.headers
    apart = {"download-id", "date", "transfer-encoding"}
    told = {name: value for name, value in got.headers.items() if name not in apart}
    assert {name: value for name, value in head.headers.items() if name not in apart} == told


@pytest.mark.parametrize(
    "path", ["/-/datasets.json", "/", "/-/openapi.json", "/area/-/schema.json", "/nothing.csv"]
)
def test_head_of_anything_else_has_the_headers_of_get(sample: Sample, path: str) -> None:
    got, head = sample.get(path), sample.get(path, method="HEAD")
    assert (head.status_code, head.content) == (got.status_code, b"")
    for name in ("content-type", "content-length", "cache-control"):
        assert head.headers.get(name) == got.headers.get(name)


@pytest.mark.parametrize("path", ["/area.csv", "/area.parquet", f"/area.json?{FILTER}"])
def test_what_a_client_holds_already_is_not_sent_again(sample: Sample, path: str) -> None:
    answer = sample.get(path)
    tag, modified = answer.headers["etag"], answer.headers["last-modified"]
    for headers in (
        {"if_none_match": tag},
        {"if_none_match": f"W/{tag}"},
        {"if_none_match": f'"other", {tag}'},
        {"if_none_match": f'W/"a",W/{tag}'},
        {"if_none_match": "*"},
        {"if_modified_since": modified},
        {"if_modified_since": "Fri, 01 Jan 2100 00:00:00 GMT"},
        {"if_none_match": tag, "if_modified_since": "Sat, 01 Jan 2000 00:00:00 GMT"},
        {"if_none_match": tag, "range": "bytes=0-3"},
    ):
        for method in ("GET", "HEAD"):
            same = sample.get(path, method=method, **headers)
            assert same.status_code == 304, headers
            assert same.content == b""
            assert "download-id" not in same.headers
            for name in ("etag", "cache-control", "vary", "content-location", "last-modified"):
                assert same.headers[name] == answer.headers[name]
    for headers in (
        {"if_none_match": '"other"'},
        {"if_none_match": tag.strip('"')},
        {"if_none_match": ""},
        {"if_none_match": '"other"', "if_modified_since": modified},
        {"if_modified_since": "Sat, 01 Jan 2000 00:00:00 GMT"},
        {"if_modified_since": "yesterday"},
        {"if_modified_since": "Sat, 99 Foo 2000 00:00:00 GMT"},
        {"if_modified_since": ""},
    ):
        assert sample.get(path, **headers).status_code == 200, headers


def test_the_tag_of_a_coding_is_not_that_of_another(sample: Sample) -> None:
    plain, coded = (
        sample.get("/area.csv", accept_encoding=coding).headers["etag"]
        for coding in ("identity", "gzip")
    )
    assert sample.get("/area.csv", accept_encoding="gzip", if_none_match=plain).status_code == 200
    assert sample.get("/area.csv", accept_encoding="gzip", if_none_match=coded).status_code == 304


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize(
    "path", ["/none.{}", "/ten.{}?n=99", "/ten.{}?_limit=0", "/ten.{}?n=99&_sort=-letter"]
)
def test_no_rows_are_a_valid_file(sample: Sample, extension: str, path: str) -> None:
    for coding in ("identity", "gzip"):
        answer, body = sample.raw(path.format(extension), accept_encoding=coding)
        assert answer.status_code == 200
        content = decoded(body, answer.headers.get("content-encoding"))
        match extension:
            case "csv":
                assert content == b"n,letter\n"
            case "json":
                assert json.loads(content) == []
            case "ndjson":
                assert content == b""
            case _:
                assert rows_in(content, extension) == []
                schema = (
                    pq.read_schema(io.BytesIO(content))
                    if extension == "parquet"
                    else pa.ipc.open_stream(content).schema
                )
                assert schema.names == ["n", "letter"]
                assert schema.types == [pa.int64(), pa.string()]


def test_aggregates_of_floats_have_a_weak_tag_and_no_ranges(sample: Sample) -> None:
    for aggregate in ("sum(score)", "avg(score)", 'avg("organisation-entity")', "avg(size)"):
        for extension in FORMATS:
            path = f"/area.{extension}?_select=quality,{aggregate} as s&_group=quality"
            answer = sample.get(path, range="bytes=0-3")
            assert answer.status_code == 200, aggregate
            assert answer.headers["etag"].startswith('W/"')
            assert "accept-ranges" not in answer.headers
            assert "content-range" not in answer.headers
            same = sample.get(path, if_none_match=answer.headers["etag"])
            assert same.status_code == 304


def test_aggregates_of_whole_numbers_have_a_strong_tag(sample: Sample) -> None:
    for aggregate in ("count(*)", 'sum("organisation-entity")', "sum(size)", "max(score)"):
        answer = sample.get(f"/area.csv?_select=quality,{aggregate} as s&_group=quality")
        assert answer.headers["etag"].startswith('"')
        assert answer.text.count("\n") == 1 + len(QUALITIES)


def test_a_replaced_file_is_another_answer(sample: Sample) -> None:
    path = sample.home / "store" / "acme" / "datasets" / "changing.parquet"
    pq.write_table(pa.table({"n": [1]}), path)
    first = sample.get("/changing.csv")
    written = path.with_suffix(".new")
    pq.write_table(pa.table({"n": [2]}), written)
    written.replace(path)
    second = sample.get("/changing.csv", if_none_match=first.headers["etag"])
    assert (second.status_code, second.text) == (200, "n\n2\n")
    assert second.headers["etag"] != first.headers["etag"]
    since = format_datetime(datetime(2100, 1, 1, tzinfo=UTC), usegmt=True)
    assert sample.get("/changing.csv", if_modified_since=since).status_code == 304
