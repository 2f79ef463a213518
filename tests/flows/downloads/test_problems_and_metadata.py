"""What is told besides data: problems, metadata, methods, and what other origins may ask."""

from collections.abc import Iterator

import httpx
import pytest
from tests.flows.raw_requests import ask_raw
from tests.flows.sample_service import ROWS, Sample, sample_service

FORMATS = ["csv", "json", "ndjson", "parquet", "arrow"]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    with sample_service(tmp_path_factory.mktemp("contract")) as running:
        yield running


def test_a_page_of_another_origin_may_ask_and_read(sample: Sample) -> None:
    for path in ("/area.csv", "/-/datasets.json", "/nothing-here", "/secret.csv"):
        preflight = sample.get(
            path,
            method="OPTIONS",
            origin="https://elsewhere.test",
            access_control_request_method="GET",
            access_control_request_headers="x-api-key, range",
        )
        assert preflight.status_code == 204
        assert preflight.content == b""
        headers = preflight.headers
        assert headers["access-control-allow-origin"] == "*"
        allowed = {name.strip() for name in headers["access-control-allow-methods"].split(",")}
        assert allowed == {"GET", "HEAD", "OPTIONS"}
        named = {
            name.strip().lower() for name in headers["access-control-allow-headers"].split(",")
        }
        assert named >= {"x-api-key", "range", "if-none-match"}
        assert "access-control-allow-credentials" not in headers
    for path in ("/area.csv", "/-/datasets.json", "/area/-/schema.json", "/nothing-here"):
        answer = sample.get(path, origin="https://elsewhere.test")
        assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "BREW"])
@pytest.mark.parametrize(
    "path", ["/area.csv", "/", "/-/datasets.json", "/-/healthz", "/area/-/schema.json"]
)
def test_only_reading_is_served(sample: Sample, method: str, path: str) -> None:
    answer = ask_raw(
        sample.service.port,
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode(),
    )
    if method == "BREW":
        # The server's own parser knows no such method.
        assert answer is None or answer.status in (400, 405)
        return
    assert answer is not None
    assert answer.status == 405
    allow = {name.strip() for name in (answer.header("allow") or "").split(",")}
    assert allow == {"GET", "HEAD", "OPTIONS"}
    assert answer.header("content-type") == "application/problem+json"
    assert answer.header("cache-control") == "no-store"


ERRORS = {
    "/area.csv?no-such=1": (400, "unknown-parameter"),
    "/area.csv?score=abc": (400, "bad-value"),
    "/area.csv?score=": (400, "bad-value"),
    "/area.csv?_limit=-1": (400, "bad-value"),
    "/area.csv?_limit=1&_limit=2": (400, "repeated-parameter"),
    "/area.csv?_select=nope": (400, "unknown-column"),
    "/area.csv?_where=1=1": (400, "bad-expression"),
    "/area.csv?_cursor=abc": (400, "bad-cursor"),
    "/area.csv?_select=name&_exclude=name": (400, "conflicting-parameters"),
    "/area.json?_delimiter=;": (400, "unusable-query"),
    "/area.csv?_int64=string": (400, "unusable-query"),
    "/area.csv?_sig=abc": (400, "unusable-query"),
    "/area.csv?_expires=1&_kid=k&_sig=s": (403, "bad-signature"),
    "/areas.csv": (404, "unknown-dataset"),
    "/area.xyz": (404, "unknown-format"),
    "/area.CSV": (404, "unknown-format"),
    "/area": (404, "unknown-path"),
    "/a/b/c": (404, "unknown-path"),
    "/-/nothing.json": (404, "unknown-path"),
    "/area/-/nothing.json": (404, "unknown-path"),
    "/-/receipts/abc": (404, "unknown-receipt"),
    "/exports/1.csv": (404, "unknown-dataset"),
    "/area.csv?_version=gone": (410, "version-gone"),
    f"/area.csv?name={'x' * 9000}": (414, "uri-too-long"),
}


@pytest.mark.parametrize("path", ERRORS, ids=lambda path: path[:40])
def test_an_error_is_a_problem_that_nobody_keeps(sample: Sample, path: str) -> None:
    status, code = ERRORS[path]
    answer = sample.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    for name in ("etag", "last-modified", "content-disposition", "download-id", "accept-ranges"):
        assert name not in answer.headers
    problem = answer.json()
    assert problem["type"] == f"urn:penstock:problem:{code}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"] == path.partition("?")[0]
    if status == 400:
        assert problem["columns_url"] == "/area/-/schema.json"
        assert sample.get(problem["columns_url"]).status_code == 200


@pytest.mark.parametrize("path", ERRORS, ids=lambda path: path[:40])
def test_a_browser_gets_an_error_as_a_page(sample: Sample, path: str) -> None:
    answer = sample.get(path, accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert answer.status_code == ERRORS[path][0]
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-store"
    varied = {name.strip().lower() for name in answer.headers["vary"].split(",")}
    assert "accept" in varied


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/area.csv?organisation_entity=1", ["organisation-entity"]),
        ("/area.csv?Quality=some", ["quality"]),
        ("/area.csv?qualty=some", ["quality"]),
        ("/area.csv?start_date__gte=2020-01-01", ["start-date__gte"]),
        ("/area.csv?score__gtt=1", ["score__gt"]),
        ("/area.csv?_limt=1", ["_limit"]),
        ("/area.csv?_select=organisation_entity", ["organisation-entity"]),
        ("/area.csv?_sort=-scor", ["score"]),
        ("/aera.csv", ["area"]),
    ],
)
def test_a_slip_is_answered_with_what_may_have_been_meant(
    sample: Sample, path: str, meant: list[str]
) -> None:
    problem = sample.get(path).json()
    suggested = [name.strip('"') for name in problem["did_you_mean"]]
    assert set(meant) <= set(suggested)
    assert meant[0] in problem["detail"]


def test_metadata_tells_what_the_files_hold(sample: Sample) -> None:
    listed = sample.get("/-/datasets.json").json()["datasets"]
    assert [each["name"] for each in listed] == ["area", "none", "plan", "ten"]
    assert [each["rows"] for each in listed] == [ROWS, 0, 10, 10]
    for each in listed:
        assert sorted(each["downloads"]) == sorted(FORMATS)
        for path in each["downloads"].values():
            assert sample.get(path, method="HEAD").status_code == 200
    schema = sample.get("/area/-/schema.json").json()
    assert {column["name"]: column["kind"] for column in schema["columns"]} == {
        "reference": "text",
        "organisation-entity": "integer",
        "quality": "text",
        "name": "text",
        "start-date": "date",
        "size": "decimal",
        "score": "float",
    }
    stats = {each["name"]: each for each in sample.get("/area/-/stats.json").json()["columns"]}
    assert stats["name"]["nulls"] == {"value": ROWS // 10, "exact": True}
    entity = stats["organisation-entity"]
    assert (str(entity["min"]["value"]), str(entity["max"]["value"])) == ("0", "36")
    assert not entity["distinct"]["exact"]
    count = sample.get("/area/-/count.json?quality=some").json()
    assert count["rows"] == ROWS // 3
    real = len(sample.get("/area.csv?quality=some").content)
    assert real * 0.8 < count["bytes_estimate"]["csv"] < real * 1.2


def test_metadata_is_kept_and_checked_like_data(sample: Sample) -> None:
    for route in ("schema", "stats", "count"):
        path = f"/area/-/{route}.json"
        answer = sample.get(path)
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"].startswith("public, max-age=60")
        tag = answer.headers["etag"]
        assert sample.get(path, if_none_match=tag).status_code == 304
        assert sample.get(path, if_none_match='"other"').status_code == 200
    assert sample.get("/area/-/count.json?nope=1").status_code == 400


def test_health_is_told_without_a_host_that_is_known(sample: Sample) -> None:
    answer = httpx.get(f"{sample.service.url}/-/healthz", headers={"host": "10.0.0.1"})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer.headers["cache-control"] == "no-store"
