"""Links of the pages that a stack shows: its edge and its gateway lead each to what answers it."""

import json
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from starlette.types import ASGIApp
from tests.flows.edge_requests import Answered, ask
from tests.flows.function_process import FunctionProcess, function
from tests.flows.stack_functions import gateway_event
from tests.flows.stack_on_stand_ins import HOST, SOCKETS_URL, Stack, add_key, made_stack
from tests.flows.stack_routes import gateway_takes, origin_of
from tests.kept_log import log_as_it_was
from tests.stand_ins import StandIn
from tests.template.templates import ROOT
from tests.unit.web.page_reading import read_page

from penstock.aws import handlers

EDGE = {"host": "function.example", "x-tenant-host": HOST, "accept": "text/html"}
SMALL_BYTES = 40


@pytest.fixture(scope="module")
def stack(s3_server: StandIn, aws_server: StandIn) -> Stack:
    return made_stack(s3_server, aws_server)


@pytest.fixture(scope="module")
def downloads(stack: Stack) -> Iterator[ASGIApp]:
    with pytest.MonkeyPatch.context() as patch, log_as_it_was():
        for name, value in stack.variables.items():
            patch.setenv(name, value)
        patch.setenv("PENSTOCK_OFFERS_EXPORTS", "true")
        with handlers.download() as app:
            yield app


@pytest.fixture(scope="module")
def gateway(stack: Stack) -> Iterator[FunctionProcess]:
    with function("penstock.aws.gateway.api", stack.variables) as running:
        yield running


@pytest.fixture(scope="module")
def key(stack: Stack) -> str:
    return add_key(stack)


def status_of(link: str, downloads: ASGIApp, gateway: FunctionProcess, key: str) -> int:
    """Follow a link through the stack; give the status of what answers."""
    place = urlsplit(link)
    assert not place.netloc, link
    if origin_of(place.path) == "api":
        assert gateway_takes(place.path), place.path
        return int(gateway(gateway_event("GET", place.path, key=key))["statusCode"])
    target = place.path + (f"?{place.query}" if place.query else "")
    return ask(downloads, target, headers=EDGE | {"x-api-key": key}).status


def too_large(downloads: ASGIApp, key: str) -> Answered:
    """Ask for more than one answer holds."""
    return ask(
        downloads,
        "/conservation-area.csv",
        headers=EDGE | {"x-api-key": key},
        wire_bytes=SMALL_BYTES,
    )


def test_every_link_of_the_pages_is_answered(
    downloads: ASGIApp, gateway: FunctionProcess, key: str
) -> None:
    home = ask(downloads, "/", headers=EDGE)
    refused = too_large(downloads, key)
    jobs = gateway(gateway_event("GET", "/jobs", key=key, accept="text/html"))
    assert (home.status, refused.status, jobs["statusCode"]) == (200, 413, 200)
    links = {
        name: read_page(body).links
        for name, body in (
            ("home", home.body),
            ("413", refused.body),
            ("jobs", jobs["body"].encode()),
        )
    }
    assert "/jobs" in links["home"]
    assert any(link.startswith("/jobs#") for link in links["413"])
    for name, of_page in links.items():
        for link in of_page:
            assert status_of(link, downloads, gateway, key) == 200, (name, link)


def test_whatever_the_page_of_jobs_calls_is_the_gateways() -> None:
    script = (ROOT / "src/penstock/web/pages/templates/jobs.js").read_text(encoding="utf-8")
    called = re.findall(r"""call\("([A-Z]+)", ["`]([^"`?]+)""", script)
    assert {method for method, _ in called} == {"GET", "POST", "DELETE"}
    for method, path in called:
        asked = re.sub(r"\$\{[^}]+\}", "01JD3B6Z8Y5V9TQ0RXK2N4M7PC", path)
        assert origin_of(asked, method=method) == "api", asked
        assert gateway_takes(asked), asked


def test_the_page_of_jobs_may_open_the_stacks_sockets(gateway: FunctionProcess, key: str) -> None:
    page = gateway(gateway_event("GET", "/jobs", key=key, accept="text/html"))
    (allowed,) = re.findall(r"connect-src ([^;]+);", page["headers"]["content-security-policy"])
    sockets = urlsplit(SOCKETS_URL)
    assert allowed.split() == ["'self'", f"{sockets.scheme}://{sockets.netloc}"]
    ticket = gateway(gateway_event("POST", "/v1/events/tickets", key=key, body={}))
    assert json.loads(ticket["body"])["url"] == SOCKETS_URL


def test_what_no_route_of_the_gateway_takes_is_found_out() -> None:
    assert gateway_takes("/jobs")
    assert gateway_takes("/v1/jobs/7")
    assert not gateway_takes("/jobs/7")
    assert not gateway_takes("/v2/jobs")
    assert not gateway_takes("/")
