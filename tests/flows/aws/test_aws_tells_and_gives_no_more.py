"""On AWS's parts: no URL outlives its leave, no outage looks like an answer, no 404 costs much."""

import io
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.types import ASGIApp
from tests.flows.edge_requests import ask
from tests.flows.s3_proxy import Proxy, proxy
from tests.flows.stack_on_stand_ins import HOST, Stack, made_stack, put_dataset, put_object
from tests.kept_log import log_as_it_was
from tests.stand_ins import StandIn, client_of

from penstock.aws import handlers
from penstock.aws.tenants.signing_keys import SsmSigningKeys
from penstock.model.clock import utc_now
from penstock.model.signature import sign_url

EDGE = {"host": "function.example", "x-tenant-host": HOST}
VERSIONED = 20
NUMBERS = pa.table({"number": range(1000)})


@pytest.fixture(scope="module")
def stack(s3_server: StandIn, aws_server: StandIn) -> Stack:
    stack = made_stack(s3_server, aws_server)
    put_dataset(stack, "hidden", NUMBERS)
    put_object(stack, "acme/private.txt", b"hidden\nd7\n")
    written = io.BytesIO()
    pq.write_table(NUMBERS, written)
    part = written.getvalue()
    manifest = {
        "version": "1",
        "published": "2024-05-01T12:00:00Z",
        "parts": [{"name": "part-0.parquet", "size_bytes": len(part)}],
    }
    for number in range(VERSIONED):
        folder = f"acme/datasets/d{number}"
        put_object(stack, f"{folder}/1/part-0.parquet", part)
        put_object(stack, f"{folder}/1/manifest.json", json.dumps(manifest).encode())
        put_object(stack, f"{folder}/current", b"1\n")
    return stack


@pytest.fixture(scope="module", autouse=True)
def logging_as_it_was() -> Iterator[None]:
    with log_as_it_was():
        yield


@contextmanager
def serving(stack: Stack, **otherwise: str) -> Iterator[ASGIApp]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**stack.variables, **otherwise}.items():
            patch.setenv(name, value)
        with handlers.download() as made:
            yield made


@pytest.fixture(scope="module")
def between(stack: Stack) -> Iterator[Proxy]:
    with proxy(stack.s3.endpoint) as running:
        yield running


@pytest.fixture(scope="module")
def app(stack: Stack, between: Proxy) -> Iterator[ASGIApp]:
    with serving(stack, AWS_ENDPOINT_URL_S3=between.endpoint) as made:
        yield made


def ends(url: str) -> float:
    """When a presigned URL ends, in seconds since 1970."""
    said = parse_qs(urlsplit(url).query)
    signed = datetime.strptime(said["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return signed.timestamp() + int(said["X-Amz-Expires"][0])


@pytest.mark.parametrize("redirect", ["", "&_redirect=1"])
@pytest.mark.parametrize(("seconds_left", "at_most"), [(60, 60), (3000, 300)])
def test_an_objects_url_ends_no_later_than_the_signed_url_that_it_was_asked_with(
    app: ASGIApp, stack: Stack, seconds_left: int, at_most: int, redirect: str
) -> None:
    ssm = client_of("ssm", stack.aws.endpoint)
    signing = SsmSigningKeys(client=ssm, environment=stack.environment, seconds=0, now=utc_now)
    key = signing.signing_keys("acme")[0]
    began = int(time.time())
    expires = began + seconds_left
    signature = sign_url(key, tenant="acme", path="/hidden", expires=expires)
    target = f"/hidden.parquet?_expires={expires}&_kid={key.id}&_sig={signature}{redirect}"
    told = ask(app, target, headers=EDGE, wire_bytes=100)
    url = told.headers["location"] if redirect else told.problem["object_url"]
    assert began < ends(url) <= expires
    assert int(parse_qs(urlsplit(url).query)["X-Amz-Expires"][0]) <= at_most


def test_an_objects_url_of_what_is_public_is_good_for_five_minutes(app: ASGIApp) -> None:
    told = ask(app, "/conservation-area.parquet", headers=EDGE, wire_bytes=100)
    assert parse_qs(urlsplit(told.problem["object_url"]).query)["X-Amz-Expires"] == ["300"]


def test_a_404_costs_a_few_requests_and_not_one_for_each_dataset(
    app: ASGIApp, between: Proxy
) -> None:
    first = ask(app, "/d1l.csv", headers=EDGE)
    between.clear()
    second = ask(app, "/d1l.csv", headers=EDGE)
    assert (first.status, second.status) == (404, 404)
    assert set(second.problem["did_you_mean"]) <= {f"d{n}" for n in range(VERSIONED)} - {"d7"}
    assert len(between.seen) < VERSIONED // 2


def test_a_private_dataset_is_no_suggestion(app: ASGIApp) -> None:
    assert "did_you_mean" not in ask(app, "/hiden.csv", headers=EDGE).problem


def test_where_tenants_can_not_be_looked_up_clients_are_told_to_come_again(stack: Stack) -> None:
    with serving(stack, AWS_ENDPOINT_URL_SSM="http://127.0.0.1:1") as app:
        told = ask(app, "/conservation-area.csv", headers=EDGE)
    assert told.status == 503
    assert told.problem["type"].endswith(":busy")
    assert int(told.headers["retry-after"]) > 0
    assert told.headers["cache-control"] == "no-store"
