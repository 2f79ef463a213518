"""A connection takes only so much: what can't fit is refused, what turns out not to is broken."""

import random
from collections.abc import Iterator

import pyarrow as pa
import pytest
from starlette.types import ASGIApp
from tests.flows.edge_requests import Answered, ask
from tests.flows.tenant_homes import add_tenant, store

from penstock.local.compose import compose
from penstock.local.opened_store import ServedPath
from penstock.model.tenant import Tenant
from penstock.settings import Settings
from penstock.web.app import create_app

ROWS = 20_000
HOST = {"host": "area.example"}
MAY_BE_CODED = {**HOST, "accept-encoding": "gzip"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ASGIApp]:
    home = tmp_path_factory.mktemp("little") / "home"
    add_tenant(home, Tenant(id="area", hosts=("area.example",)))
    store(home, "area", "numbers", pa.table({"n": list(range(ROWS)), "t": ["same"] * ROWS}))
    noise = random.Random(7)
    sizes = [20] * 15_000 + [1000] * (ROWS - 15_000)
    longer = pa.table({"text": [noise.randbytes(size).hex() for size in sizes]})
    store(home, "area", "longer", longer, row_group_rows=1_000)
    store(home, "area", "repeated", pa.table({"t": ["long " * 80] * ROWS}))
    with compose(Settings(home=home), ServedPath(demo=False)) as resources:
        yield create_app(resources)


def assert_refused(answered: Answered, *, limit: int) -> None:
    assert answered.status == 413, answered.body[:200]
    assert answered.whole
    assert answered.problem["limit"] == limit
    assert answered.problem["estimated"] > limit
    assert "download-id" not in answered.headers


@pytest.mark.parametrize("extension", ["csv", "json", "ndjson", "arrow"])
def test_what_cannot_fit_is_refused_before_it_begins(app: ASGIApp, extension: str) -> None:
    assert_refused(ask(app, f"/numbers.{extension}", headers=HOST, wire_bytes=50_000), limit=50_000)


def test_the_refusal_says_what_would_fit(app: ASGIApp) -> None:
    detail = ask(app, "/numbers.csv", headers=HOST, wire_bytes=150_000).problem["detail"]
    assert "Accept-Encoding" in detail
    coded = ask(app, "/numbers.csv", headers=MAY_BE_CODED, wire_bytes=150_000)
    assert (coded.status, coded.whole) == (200, True)
    assert coded.headers["content-encoding"] == "gzip"
    assert len(coded.body) <= 150_000


def test_a_slice_that_fits_is_sent_whole(app: ASGIApp) -> None:
    answered = ask(app, "/numbers.csv?n__lt=1000", headers=HOST, wire_bytes=50_000)
    assert (answered.status, answered.whole) == (200, True)
    assert answered.body.count(b"\n") == 1001


def test_what_turns_out_longer_than_estimated_is_broken_off(app: ASGIApp) -> None:
    most = 3_000_000
    answered = ask(app, "/longer.csv", headers=HOST, wire_bytes=most)
    assert (answered.status, answered.whole) == (200, False)
    assert 0 < len(answered.body) <= most


def test_what_turns_out_longer_once_it_is_coded_is_broken_off(app: ASGIApp) -> None:
    most = 1_500_000
    answered = ask(app, "/longer.csv", headers=MAY_BE_CODED, wire_bytes=most)
    assert (answered.status, answered.whole) == (200, False)
    assert 0 < len(answered.body) <= most


def test_text_that_repeats_is_weighed_by_what_it_comes_to(app: ASGIApp) -> None:
    # It is stored once, so that the footer says nothing of it.
    assert_refused(ask(app, "/repeated.csv", headers=HOST, wire_bytes=5_000_000), limit=5_000_000)


def test_a_stored_file_that_does_not_fit_comes_in_ranges_that_do(app: ASGIApp) -> None:
    whole = ask(app, "/longer.parquet", headers=HOST)
    most = len(whole.body) // 2 + 1
    assert_refused(ask(app, "/longer.parquet", headers=HOST, wire_bytes=most), limit=most)
    assert ask(app, "/longer.parquet", headers=HOST, method="HEAD", wire_bytes=most).status == 413
    halves = [
        ask(app, "/longer.parquet", headers={**HOST, "range": each}, wire_bytes=most)
        for each in (f"bytes=0-{most - 1}", f"bytes={most}-")
    ]
    assert [half.status for half in halves] == [206, 206]
    assert b"".join(half.body for half in halves) == whole.body


def test_ranges_that_do_not_fit_together_are_refused(app: ASGIApp) -> None:
    both = {**HOST, "range": "bytes=0-9999,20000-29999"}
    assert ask(app, "/longer.parquet", headers=both, wire_bytes=30_000).status == 206
    assert_refused(ask(app, "/longer.parquet", headers=both, wire_bytes=20_000), limit=20_000)


def test_a_filtered_file_that_does_not_fit_is_refused_by_its_length(app: ASGIApp) -> None:
    target = "/longer.parquet?text__notblank=1"
    size = len(ask(app, target, headers=HOST).body)
    assert_refused(ask(app, target, headers=HOST, wire_bytes=size - 1), limit=size - 1)
    assert len(ask(app, target, headers=HOST, wire_bytes=size).body) == size


def test_an_embedded_service_has_no_other_place_to_send_to(app: ASGIApp) -> None:
    answered = ask(app, "/longer.parquet?_redirect=1", headers=HOST, wire_bytes=1000)
    assert answered.status == 413
    assert "object_url" not in answered.problem


def test_an_aborted_download_has_an_aborted_receipt(app: ASGIApp) -> None:
    answered = ask(app, "/longer.csv", headers=HOST, wire_bytes=3_000_000)
    receipt = ask(app, f"/-/receipts/{answered.headers['download-id']}", headers=HOST)
    assert receipt.problem["state"] == "aborted"
