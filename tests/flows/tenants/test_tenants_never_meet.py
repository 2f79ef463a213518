"""Two tenants on one service: nothing of one is ever told under the host of the other."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.flows.raw_requests import ask_raw, get_raw
from tests.flows.service import serving
from tests.flows.tenant_homes import add_key, add_tenant, store
from tests.flows.two_tenants import (
    ACME,
    BROOK,
    NAMES,
    SECRETS,
    Two,
    assert_tells_nothing,
    two_tenants,
)

from penstock.model.tenant import Tenant


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    with two_tenants(tmp_path_factory.mktemp("two")) as running:
        yield running


def test_each_host_serves_its_own_tenant_under_the_same_path(two: Two) -> None:
    assert two.get("/area.csv").text == "name,n\nash,1\noak,2\nelm,3\n"
    assert two.get("/area.csv", host="acme.localhost").text == two.get("/area.csv").text
    assert two.get("/area.csv", host=BROOK).text == "name,n\ncanary-of-brook,7\noak,8\nelm,9\n"
    assert two.get("/brook-only.csv", host=BROOK).status_code == 200


@pytest.mark.parametrize("extension", ["csv", "json", "ndjson", "parquet", "arrow"])
def test_a_dataset_of_the_other_tenant_is_not_there_in_any_format(two: Two, extension: str) -> None:
    answer = two.get(f"/brook-only.{extension}")
    assert answer.status_code == 404
    problem = answer.json()
    assert problem["type"].endswith(":unknown-dataset")
    assert "did_you_mean" not in problem
    assert two.get(f"/vault.{extension}").status_code == 404


@pytest.mark.parametrize("route", ["schema", "stats", "count"])
def test_metadata_of_the_other_tenant_is_not_there(two: Two, route: str) -> None:
    assert two.get(f"/brook-only/-/{route}.json").status_code == 404
    assert two.get(f"/brook-only/-/{route}.json", host=BROOK).status_code == 200


@pytest.mark.parametrize("path", ["/", "/-/datasets.json", "/-/openapi.json"])
@pytest.mark.parametrize("accept", ["*/*", "text/html"])
def test_no_list_names_what_is_the_other_tenants_or_private(
    two: Two, path: str, accept: str
) -> None:
    answer = two.get(path, accept=accept)
    assert answer.status_code == 200
    assert_tells_nothing(answer.content)
    assert b"secret" not in answer.content
    assert b"vault" not in answer.content
    assert b"area" in answer.content


PATHS = [
    b"/brook-only.csv",
    b"/BROOK-ONLY.csv",
    b"/Brook-Only.CSV",
    b"/brook-only.csv.csv",
    b"/brook-only..csv",
    b"/brook-only.csv/",
    b"/brook-only.csv.",
    b"/brook-only.csv%20",
    b"/brook-only%20.csv",
    b"/brook-only%00.csv",
    b"/brook-only.csv%00",
    b"/area%00/../../../brook/datasets/brook-only.csv",
    b"/brook/brook-only.csv",
    b"/brook/datasets/brook-only.csv",
    b"/brook%2fdatasets%2fbrook-only.csv",
    b"/brook%5cdatasets%5cbrook-only.csv",
    b"/../brook/datasets/brook-only.csv",
    b"/../../brook/datasets/brook-only.csv",
    b"/./../../brook/datasets/brook-only.csv",
    b"/area.csv/../brook-only.csv",
    b"/area/../../../brook/datasets/brook-only.csv",
    b"/%2e%2e/brook/datasets/brook-only.csv",
    b"/%2e%2e%2f%2e%2e%2fbrook%2fdatasets%2fbrook-only.csv",
    b"/..%2f..%2fbrook%2fdatasets%2fbrook-only.csv",
    b"/..%252f..%252fbrook%252fdatasets%252fbrook-only.csv",
    b"/%252e%252e%252fbrook%252fdatasets%252fbrook-only.csv",
    b"/%25252e%25252e%25252fbrook-only.csv",
    b"/..\\..\\brook\\datasets\\brook-only.csv",
    b"/..%5c..%5cbrook%5cdatasets%5cbrook-only.csv",
    b"/%c0%ae%c0%ae/%c0%ae%c0%ae/brook/datasets/brook-only.csv",
    b"/%c0%ae%c0%ae%c0%afbrook%c0%afdatasets%c0%afbrook-only.csv",
    b"/%e0%80%ae%e0%80%ae%e0%80%afbrook-only.csv",
    b"/%ef%bc%8e%ef%bc%8e%ef%bc%8fbrook%ef%bc%8fdatasets%ef%bc%8fbrook-only.csv",
    b"/%uff0e%uff0e%u2215brook-only.csv",
    b"/area;/../../../brook/datasets/brook-only.csv",
    b"/;tenant=brook/brook-only.csv",
    b"/area.csv;tenant=brook",
    b"/area;tenant=brook.csv",
    b"/..;/..;/brook/datasets/brook-only.csv",
    b"//brook.example/brook-only.csv",
    b"///brook-only.csv",
    b"/brook.example/brook-only.csv",
    b"/@brook.example/brook-only.csv",
    b"/brook.example:80/brook-only.csv",
    b"/http://brook.example/brook-only.csv",
    b"/http:%2f%2fbrook.example%2fbrook-only.csv",
    b"/file:///brook-only.csv",
    b"/up/brook-only.csv",
    b"/up.csv",
    b"/up/-/schema.json",
    b"/linked.csv",
    b"/linked.parquet",
    b"/relative.csv",
    b"/folder.csv",
    b"/folder/-/schema.json",
    b"/folder/v-1/part-00000.parquet",
    b"/plan/v-1/part-00000.parquet",
    b"/v-1.parquet",
    b"/part-00000.parquet",
    b"/~brook/brook-only.csv",
    b"/-/../brook-only.csv",
    b"/-/datasets.json/../../brook-only.csv",
    b"/-/receipts/..%2f..%2fbrook-only.csv",
    b"/-/brook/datasets.json",
    b"/brook/-/datasets.json",
    b"/*.csv",
    b"/%2a.csv",
    b"/riv*.csv",
    b"/brook-onl%3f.csv",
    b"/%5bq-s%5diver-only.csv",
    b"/{area,brook-only}.csv",
    b"/area,brook-only.csv",
    b"/area|brook-only.csv",
    b"/brook-only.csv#.csv",
    b"/private.txt",
    b"/../private.txt",
    b"/..%2fprivate.txt",
    b"/..%2f..%2f..%2ftenants.json",
    b"/tenants.json",
    b"/penstock.sqlite",
    b"/%2e%2e/%2e%2e/%2e%2e/penstock.sqlite",
]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.decode("ascii"))
def test_no_spelling_of_a_path_leads_to_the_other_tenant(two: Two, path: bytes) -> None:
    answer = get_raw(two.service.port, path, host=ACME.encode())
    assert answer is not None
    assert answer.status in (400, 404)
    for secret in SECRETS[:2]:
        assert secret not in answer.body
    assert b"vault" not in answer.body


@pytest.mark.parametrize("name", ["half", "current-of-brook"])
def test_a_version_that_is_a_link_to_the_other_tenant_is_refused(two: Two, name: str) -> None:
    for path in (f"/{name}.csv", f"/{name}.parquet", f"/{name}/-/schema.json"):
        answer = two.get(path)
        assert answer.status_code in (404, 500)
        assert answer.headers["content-type"] == "application/problem+json"
        assert_tells_nothing(answer.content)
    assert two.get(f"/{name}.csv?_version=v-1").status_code in (404, 410, 500)


HEADERS = [
    ("x-forwarded-host", BROOK),
    ("x-forwarded-server", BROOK),
    ("x-forwarded-prefix", "/brook"),
    ("x-forwarded-for", "127.0.0.1"),
    ("x-tenant-host", BROOK),
    ("x-host", BROOK),
    ("x-http-host-override", BROOK),
    ("x-original-host", BROOK),
    ("x-original-url", "/brook-only.csv"),
    ("x-rewrite-url", "/brook-only.csv"),
    ("x-http-method-override", "PUT"),
    ("forwarded", f'for=127.0.0.1;host="{BROOK}";proto=https'),
    ("x-tenant", "brook"),
    ("x-tenant-id", "brook"),
    ("x-amz-website-redirect-location", f"http://{BROOK}/"),
    ("cloudfront-viewer-address", "127.0.0.1:1"),
    (":authority", BROOK),
    ("origin", f"http://{BROOK}"),
    ("referer", f"http://{BROOK}/brook-only.csv"),
    ("cookie", "tenant=brook; host=brook.example"),
    ("te", "trailers"),
]


@pytest.mark.parametrize(("name", "value"), HEADERS)
def test_no_header_but_host_names_the_tenant(two: Two, name: str, value: str) -> None:
    line = f"{name}: {value}\r\n".encode()
    own = get_raw(two.service.port, b"/area.csv", host=ACME.encode(), headers=line)
    others = get_raw(two.service.port, b"/brook-only.csv", host=ACME.encode(), headers=line)
    assert own is not None
    assert others is not None
    if name.startswith(":"):
        assert own.status == others.status == 400
    else:
        assert own.body == b"name,n\nash,1\noak,2\nelm,3\n"
        assert others.status == 404


@pytest.mark.parametrize(
    "host",
    [
        b"ACME.example",
        b"acme.EXAMPLE",
        b"acme.example.",
        b"acme.example:80",
        b"acme.example:8000",
        b"acme.example.:8000",
        b"  acme.example",
        b"acme.localhost",
    ],
)
def test_a_host_counts_without_case_port_and_trailing_dot(two: Two, host: bytes) -> None:
    answer = get_raw(two.service.port, b"/area.csv", host=host)
    assert answer is not None
    assert answer.status == 200


@pytest.mark.parametrize(
    "host",
    [
        b"www.acme.example",
        b".acme.example",
        b"acme.example..",
        b"acme-example",
        b"acme.example.evil.test",
        b"acme.example,brook.example",
        b"acme.example, acme.example",
        b"acme.example brook.example",
        b"user@acme.example",
        b"acme.example@brook.example",
        b"acme.example:80@brook.example",
        b"http://acme.example",
        b"acme.example/",
        b"acme.example/../brook.example",
        b"acme.example:80:80",
        b"acme.example:port",
        b"acme.example:-1",
        b"acme.example#",
        b"acme.example?",
        b"acme.example%00",
        b"acme%2eexample",
        b"*",
        b"*.example",
        b"acme",
        b"brook",
        b"",
        b":8000",
        b".",
        b"[::1]",
        b"[::1",
        b"[acme.example]",
        b"[acme.example",
        b"[acme.example]:80",
        b"127.0.0.1",
        b"127.1",
        b"2130706433",
        b"localhost",
        b"xn--acme.example",
        b"\xc3\xa5cme.example",
        b"acme\xe3\x80\x82example",
        "\N{FULLWIDTH LATIN SMALL LETTER A}cme.example".encode(),
        b"a" * 300,
        b"../brook",
        b"store/acme",
    ],
)
def test_a_host_that_is_not_in_the_list_is_unknown_or_unusable(two: Two, host: bytes) -> None:
    for path in (b"/area.csv", b"/", b"/-/datasets.json", b"/-/openapi.json"):
        answer = get_raw(two.service.port, path, host=host)
        assert answer is not None
        assert answer.status in (400, 404)
        assert b"ash" not in answer.body
        assert_tells_nothing(answer.body)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /area.csv HTTP/1.1\r\nHost: acme.example\r\nHost: brook.example\r\n\r\n",
        b"GET /area.csv HTTP/1.1\r\nHost: brook.example\r\nHost: acme.example\r\n\r\n",
        b"GET /area.csv HTTP/1.1\r\nHost: acme.example\r\nHost: acme.example\r\n\r\n",
        b"GET /area.csv HTTP/1.1\r\nHost: acme.example\r\nhOsT: brook.example\r\n\r\n",
        b"GET /area.csv HTTP/1.1\r\n\r\n",
        b"GET /area.csv HTTP/1.0\r\n\r\n",
        b"GET http://brook.example/area.csv HTTP/1.1\r\nHost: acme.example\r\n\r\n",
        b"GET http://acme.example/area.csv HTTP/1.1\r\nHost: brook.example\r\n\r\n",
        b"GET http://acme.example@brook.example/area.csv HTTP/1.1\r\nHost: acme.example\r\n\r\n",
        b"GET https://brook.example:443/area.csv HTTP/1.1\r\nHost: acme.example\r\n\r\n",
        b"GET http://acme.example/area.csv HTTP/1.1\r\n\r\n",
        b"GET /area.csv HTTP/1.1\r\nHost : acme.example\r\n\r\n",
        b"GET /area.csv HTTP/1.1\r\n Host: acme.example\r\n\r\n",
        b"GET /area.csv HTTP/1.1\r\nHost: acme.example\r\n brook.example\r\n\r\n",
        b"GET /area.csv HTTP/1.1\r\nHost: acme.example\x00brook.example\r\n\r\n",
        b"CONNECT brook.example:80 HTTP/1.1\r\nHost: acme.example\r\n\r\n",
    ],
)
def test_a_request_that_names_no_host_or_two_is_refused(two: Two, request_bytes: bytes) -> None:
    answer = ask_raw(two.service.port, request_bytes)
    if answer is not None:
        assert answer.status in (400, 404, 405)
        assert b"ash" not in answer.body
        assert_tells_nothing(answer.body)


@pytest.mark.parametrize("target", [b"http://acme.example", b"HTTP://ACME.example:80"])
def test_an_absolute_target_that_agrees_with_host_is_served(two: Two, target: bytes) -> None:
    answer = get_raw(two.service.port, target + b"/area.csv", host=ACME.encode())
    assert answer is not None
    assert (answer.status, answer.body[:4]) == (200, b"name")


def test_a_cursor_of_one_tenant_is_damaged_for_the_other(two: Two) -> None:
    first = two.get("/area.ndjson?_limit=1")
    following = first.links["next"]["url"]
    assert two.get(following).text == '{"name":"oak","n":2}\n'
    stolen = two.get(following, host=BROOK)
    assert stolen.status_code == 400
    assert stolen.json()["type"].endswith(":bad-cursor")


def test_a_receipt_of_one_tenant_is_not_there_for_the_other(two: Two) -> None:
    answer = two.get("/brook-only.csv", host=BROOK)
    path = f"/-/receipts/{answer.headers['download-id']}"
    assert two.get(path, host=BROOK).json()["dataset"] == "brook-only"
    assert two.get(path).status_code == 404
    made_up = two.get("/-/receipts/" + "0" * 32)
    assert two.get(path).json() | {"instance": ""} == made_up.json() | {"instance": ""}


def test_no_tag_tells_whether_the_other_tenant_has_something(two: Two) -> None:
    tag = two.get("/brook-only.csv", host=BROOK).headers["etag"]
    brooks_area = two.get("/area.csv", host=BROOK).headers["etag"]
    assert two.get("/brook-only.csv", **{"if-none-match": tag}).status_code == 404
    assert two.get("/brook-only.csv", **{"if-none-match": "*"}).status_code == 404
    assert two.get("/area.csv", **{"if-none-match": brooks_area}).status_code == 200
    assert two.get("/area.csv", host=BROOK, **{"if-none-match": brooks_area}).status_code == 304
    # Made from the same bytes in the same way, and yet of another tenant.
    assert two.get("/plan.csv").headers["etag"] != two.get("/plan.csv", host=BROOK).headers["etag"]


def test_a_version_of_the_other_tenant_cannot_be_pinned(two: Two) -> None:
    version = two.get("/area/-/schema.json", host=BROOK).json()["version"]
    assert two.get(f"/area.csv?_version={version}", host=BROOK).status_code == 200
    assert two.get(f"/area.csv?_version={version}").status_code == 410


def test_a_key_opens_its_own_tenant_alone(two: Two) -> None:
    token = add_key(two.service.resources, "acme", user="own")
    assert two.get("/secret.csv", **{"x-api-key": token}).status_code == 200
    for path in ("/vault.csv", "/area.csv", "/-/datasets.json", "/no-such.csv", "/"):
        answer = two.get(path, host=BROOK, **{"x-api-key": token})
        assert answer.status_code == 401
        assert answer.json()["type"].endswith(":bad-key")
        assert_tells_nothing(answer.content)


def test_a_tenant_that_is_disabled_is_an_unknown_host(two: Two) -> None:
    add_tenant(two.home, Tenant(id="brief", hosts=("brief.example",)))
    store(two.home, "brief", "area", NAMES)
    assert two.get("/area.csv", host="brief.example").status_code == 200
    tenants = two.home / "tenants.json"
    tenants.write_text(tenants.read_text().replace('"brief.example"', '"other.example"'))
    unknown = two.get("/area.csv", host="brief.example")
    assert unknown.status_code == 404
    assert unknown.json()["type"].endswith(":unknown-host")


def test_a_list_of_tenants_that_cannot_be_read_serves_nobody(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    add_tenant(home, Tenant(id="acme", hosts=(ACME,)))
    store(home, "acme", "area", NAMES)
    with serving(None, home=home) as service:
        assert httpx.get(f"{service.url}/area.csv", headers={"host": ACME}).status_code == 200
        (home / "tenants.json").write_text("{")
        answer = httpx.get(f"{service.url}/area.csv", headers={"host": ACME})
        assert answer.status_code == 404
