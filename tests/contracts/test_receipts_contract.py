"""What every adapter of Receipts promises."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.aws_tables import client_of, fresh_name, make_receipts_table
from tests.moving_clock import START, Clock
from tests.stand_ins import StandIn

from penstock.aws.tenants.receipts import DynamoReceipts
from penstock.errors import UnknownReceiptError
from penstock.local.tenants.receipts import SqliteReceipts
from penstock.model.receipt import Receipt, ReceiptState, new_receipt_id
from penstock.ports import Receipts

WEEK = timedelta(days=7)

Connect = Callable[[], Receipts]
"""Each call is another process's view of the same receipts."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["dynamo", "sqlite"])
def connect(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Connect]:
    if request.param == "dynamo":
        yield in_dynamo(request.getfixturevalue("aws_server"), clock)
        return
    with ExitStack() as cleanup:
        path = tmp_path / "p.sqlite"
        yield lambda: cleanup.enter_context(closing(SqliteReceipts(path, now=clock)))


def in_dynamo(server: StandIn, clock: Clock) -> Connect:
    client = client_of(server, "dynamodb")
    table = fresh_name("receipts")
    make_receipts_table(client, name=table)
    return lambda: DynamoReceipts(client=client, table=table, now=clock)


@pytest.fixture
def receipts(connect: Connect) -> Receipts:
    return connect()


def a_receipt(
    *,
    tenant: str = "acme",
    etag: str = '"abc"',
    started: datetime = START,
    state: ReceiptState = "streaming",
) -> Receipt:
    return Receipt(
        id=new_receipt_id(),
        tenant=tenant,
        dataset="conservation-area",
        version="v1",
        private=False,
        etag=etag,
        format="csv",
        coding="gzip",
        started=started,
        state=state,
    )


def completed(receipt: Receipt, *, size: int) -> Receipt:
    return replace(
        receipt,
        state="complete",
        rows=3,
        bytes=size,
        sha256="ab" * 32,
        identity_bytes=2 * size,
        identity_sha256="cd" * 32,
        ended=receipt.started + timedelta(seconds=2),
    )


def test_a_receipt_comes_back_with_all_its_facts(connect: Connect) -> None:
    started = a_receipt()
    here, there = connect(), connect()
    here.put(started)
    assert there.get("acme", started.id) == started
    ended = completed(started, size=10**12)
    here.put(ended)
    assert there.get("acme", started.id) == ended
    owned = replace(
        started, dataset="exports/01JD3B6Z8Y5V9TQ0RXK2N4M7PC", owner="ann", private=True
    )
    here.put(owned)
    assert there.get("acme", owned.id) == owned


@pytest.mark.parametrize("receipt_id", ["", "0" * 32, "%", "' OR 1=1 --", "\x00"])
def test_a_receipt_that_is_not_there_is_unknown(receipts: Receipts, receipt_id: str) -> None:
    receipts.put(a_receipt())
    with pytest.raises(UnknownReceiptError):
        receipts.get("acme", receipt_id)


def test_another_tenants_receipt_is_unknown_and_not_replaced(receipts: Receipts) -> None:
    ours = completed(a_receipt(), size=5)
    receipts.put(ours)
    with pytest.raises(UnknownReceiptError):
        receipts.get("river", ours.id)
    assert receipts.completed("river", ours.etag) is None
    theirs = replace(ours, tenant="river", dataset="gauge")
    receipts.put(theirs)
    assert receipts.get("acme", ours.id) == ours
    assert receipts.get("river", ours.id) == theirs


def test_a_receipt_is_unknown_seven_days_after_its_start(receipts: Receipts, clock: Clock) -> None:
    receipt = completed(a_receipt(), size=5)
    receipts.put(receipt)
    clock.time = START + WEEK - timedelta(microseconds=1)
    assert receipts.get("acme", receipt.id) == receipt
    assert receipts.completed("acme", receipt.etag) == receipt
    clock.time = START + WEEK
    with pytest.raises(UnknownReceiptError):
        receipts.get("acme", receipt.id)
    assert receipts.completed("acme", receipt.etag) is None


def test_only_a_completed_receipt_knows_the_length_of_an_etag(receipts: Receipts) -> None:
    receipts.put(a_receipt())
    receipts.put(a_receipt(state="aborted"))
    receipts.put(completed(a_receipt(etag='"other"'), size=1))
    assert receipts.completed("acme", '"abc"') is None


def test_the_newest_completed_receipt_of_an_etag_is_found(receipts: Receipts) -> None:
    newest = completed(a_receipt(started=START + timedelta(minutes=2)), size=2)
    receipts.put(completed(a_receipt(), size=1))
    receipts.put(newest)
    receipts.put(completed(a_receipt(started=START + timedelta(minutes=1)), size=3))
    assert receipts.completed("acme", '"abc"') == newest


def test_threads_put_and_get_beside_each_other(receipts: Receipts) -> None:
    def one_download(number: int) -> Receipt:
        started = a_receipt(etag=f'"{number}"')
        receipts.put(started)
        receipts.put(completed(started, size=number))
        return receipts.get("acme", started.id)

    with ThreadPoolExecutor(8) as pool:
        ended = list(pool.map(one_download, range(100)))
    assert [receipt.bytes for receipt in ended] == list(range(100))
