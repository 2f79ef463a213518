"""The same app on AWS's parts: real S3, and moto for the rest."""

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.types import ASGIApp
from tests.flows.edge_requests import Answered, ask
from tests.flows.stack_on_stand_ins import (
    HOST,
    ORIGIN_SECRET,
    Stack,
    add_tenant,
    made_stack,
    put_dataset,
    put_object,
)
from tests.kept_log import log_as_it_was
from tests.stand_ins import StandIn

from penstock.aws import gateway, handlers
from penstock.model.tenant import Tenant

ROWS = 20_000
AREAS = pa.table(
    {
        "entity": list(range(ROWS)),
        "organisation-entity": [n // 100 for n in range(ROWS)],
        "name": [f"area {n}, “{n}”" for n in range(ROWS)],
    }
)
EDGE = {"host": "function.example", "x-tenant-host": HOST}


@pytest.fixture(scope="module")
def stack(s3_server: StandIn, aws_server: StandIn) -> Stack:
    stack = made_stack(s3_server, aws_server)
    add_tenant(stack, Tenant(id="river", hosts=("river.example",)))
    put_dataset(stack, "area", AREAS, row_group_rows=5000)
    put_dataset(stack, "hidden", AREAS.slice(0, 10))
    put_dataset(stack, "area", AREAS.slice(0, 3), tenant="river")
    put_object(stack, "acme/private.txt", b"hidden\n")
    return stack


@pytest.fixture(scope="module", autouse=True)
def logging_as_it_was() -> Iterator[None]:
    with log_as_it_was():
        yield


@pytest.fixture(scope="module")
def app(stack: Stack) -> Iterator[ASGIApp]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.variables.items():
            patch.setenv(name, value)
        with handlers.download() as made:
            yield made


def get(app: ASGIApp, target: str, **headers: str) -> Answered:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(app, target, headers=EDGE | named)


def test_a_slice_comes_from_the_bucket(app: ASGIApp) -> None:
    answered = get(app, "/area.csv?organisation-entity=122")
    assert (answered.status, answered.whole) == (200, True)
    rows = list(csv.reader(io.StringIO(answered.body.decode())))
    assert rows == [
        AREAS.column_names,
        *([str(n), "122", f"area {n}, “{n}”"] for n in range(12_200, 12_300)),
    ]


@pytest.mark.parametrize("extension", ["json", "ndjson", "parquet", "arrow"])
def test_every_format_holds_the_same_rows(app: ASGIApp, extension: str) -> None:
    answered = get(app, f"/area.{extension}?organisation-entity=7")
    assert (answered.status, answered.whole) == (200, True)
    match extension:
        case "json":
            rows = json.loads(answered.body)
        case "ndjson":
            rows = [json.loads(line) for line in answered.body.splitlines()]
        case "parquet":
            rows = pq.read_table(io.BytesIO(answered.body)).to_pylist()
        case _:
            rows = pa.ipc.open_stream(answered.body).read_all().to_pylist()
    assert rows == AREAS.slice(700, 100).to_pylist()


def test_a_stored_file_is_sent_as_it_is_and_in_ranges(app: ASGIApp) -> None:
    whole = get(app, "/area.parquet")
    assert pq.read_table(io.BytesIO(whole.body)).equals(AREAS)
    part = get(app, "/area.parquet", range="bytes=-100", if_range=whole.headers["etag"])
    assert (part.status, part.body) == (206, whole.body[-100:])
    same = get(app, "/area.parquet", if_none_match=whole.headers["etag"])
    assert (same.status, same.body) == (304, b"")


def test_a_stored_file_that_does_not_fit_has_its_own_url(app: ASGIApp, stack: Stack) -> None:
    refused = ask(app, "/area.parquet", headers=EDGE, wire_bytes=1000)
    assert refused.status == 413
    url = refused.problem["object_url"]
    assert url.startswith(stack.s3.endpoint)
    moved = ask(app, "/area.parquet?_redirect=1", headers=EDGE, wire_bytes=1000)
    assert moved.status == 307
    assert moved.headers["location"].startswith(stack.s3.endpoint)


def test_codings_are_those_that_the_edge_passes_on(app: ASGIApp) -> None:
    assert get(app, "/area.csv", x_accept_zstd="1").headers["content-encoding"] == "zstd"
    assert get(app, "/area.csv", accept_encoding="gzip").headers["content-encoding"] == "gzip"
    assert "content-encoding" not in get(app, "/area.csv").headers


def test_a_receipt_can_be_had_afterwards(app: ASGIApp) -> None:
    answered = get(app, "/area.csv?organisation-entity=3")
    receipt = get(app, f"/-/receipts/{answered.headers['download-id']}").problem
    assert (receipt["state"], receipt["rows"]) == ("complete", 100)
    again = get(app, "/area.csv?organisation-entity=3")
    assert again.headers["content-length"] == str(len(answered.body))


def test_tenants_never_meet(app: ASGIApp) -> None:
    other = get(app, "/area.csv", x_tenant_host="river.example")
    assert other.body.count(b"\n") == 4
    assert get(app, "/area.csv", x_tenant_host="acme.example").status == 404
    assert ask(app, "/area.csv", headers={"host": HOST}).status == 400
    assert get(app, "/hidden.csv").status == 404
    listed = get(app, "/-/datasets.json").problem
    assert "hidden" not in json.dumps(listed)


@pytest.mark.parametrize(
    "target", ["/ar%65a.csv", "/area%2Ecsv", "/area%2F-%2Fschema.json", "/-%2Fdatasets.json"]
)
def test_another_spelling_of_a_path_is_not_kept_by_the_edge(app: ASGIApp, target: str) -> None:
    answered = get(app, target)
    assert (answered.status, answered.headers["cache-control"]) == (200, "no-store")


def test_what_one_client_has_left_is_not_told_to_all(app: ASGIApp) -> None:
    shared = get(app, "/area.csv?organisation-entity=1")
    assert shared.headers["cache-control"].startswith("public")
    assert "ratelimit-remaining" not in shared.headers
    assert "ratelimit-remaining" in get(app, "/nothing.csv").headers


def test_a_cursor_goes_on_where_it_was(app: ASGIApp) -> None:
    first = get(app, "/area.json?_select=entity&_limit=50&_sort=-entity")
    link = first.headers["link"]
    target = link[link.index("<") + 1 : link.index(">")]
    second = get(app, target)
    places = [row["entity"] for page in (first, second) for row in json.loads(page.body)]
    assert places == list(range(ROWS - 1, ROWS - 101, -1))


def gateway_event(path: str, *, method: str = "GET", **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {
        "version": "2.0",
        "routeKey": "ANY /v1/{proxy+}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "api.example", **named},
        "requestContext": {
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
            }
        },
        "isBase64Encoded": False,
    }


@pytest.fixture
def loop() -> Iterator[None]:
    """The event loop that the managed runtime's main thread has, ended after the test."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@dataclass(frozen=True)
class Context:
    """What the managed runtime tells a handler of its invocation."""

    aws_request_id: str


def test_the_api_answers_the_edge_alone(
    loop: None, stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    context = Context("c0ffee")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.variables.items():
            patch.setenv(name, value)
        edge = {"x_tenant_host": HOST, "x_origin_secret": ORIGIN_SECRET}
        answered = gateway.api(gateway_event("/-/datasets.json", **edge), context)
        assert answered["statusCode"] == 200
        assert [each["name"] for each in json.loads(answered["body"])["datasets"]] == [
            "area",
            "conservation-area",
        ]
        posted = gateway.api(gateway_event("/v1/exports", method="POST", **edge), context)
        assert posted["statusCode"] == 415  # it has no body
        forged = gateway_event("/-/datasets.json", x_tenant_host=HOST)
        assert gateway.api(forged, context)["statusCode"] == 403
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    ids = [line["request_id"] for line in logged if line.get("message") == "request"]
    assert ids == ["c0ffee", "c0ffee"]
