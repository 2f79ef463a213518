from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from tests.aws_tables import fresh_name, make_receipts_table
from tests.moving_clock import START, Clock
from tests.unit.aws.watched_client import Watched

from penstock.aws.tenants.receipts import DynamoReceipts
from penstock.errors import BusyError, UnknownReceiptError
from penstock.model.receipt import Receipt, new_receipt_id

WRITE_UNIT = 1024
"""Bytes of an item that one write unit pays; DynamoDB Developer Guide, "Capacity consumption"."""


@pytest.fixture
def table(dynamodb: Watched) -> str:
    dynamodb.fails = lambda _: None
    name = fresh_name("receipts")
    make_receipts_table(dynamodb.client, name=name)
    return name


@pytest.fixture
def receipts(dynamodb: Watched, table: str, clock: Clock) -> DynamoReceipts:
    dynamodb.counted()
    return DynamoReceipts(client=dynamodb.client, table=table, now=clock)


def started(*, at: datetime = START, dataset: str = "conservation-area") -> Receipt:
    return Receipt(
        id=new_receipt_id(),
        tenant="acme",
        dataset=dataset,
        version="v1",
        private=True,
        etag='"0123456789abcdef0123456789abcdef"',
        format="csv",
        coding="gzip",
        started=at,
    )


def completed(receipt: Receipt) -> Receipt:
    return replace(
        receipt,
        state="complete",
        rows=3,
        bytes=2**53 + 1,
        sha256="ab" * 32,
        identity_bytes=10**15,
        identity_sha256="cd" * 32,
        ended=receipt.started + timedelta(seconds=2),
    )


def items_of(dynamodb: Watched, table: str) -> list[dict[str, dict[str, Any]]]:
    found: list[dict[str, dict[str, Any]]] = dynamodb.client.scan(TableName=table)["Items"]
    return found


def test_an_answer_opens_with_one_round_trip_and_ends_with_two(
    receipts: DynamoReceipts, dynamodb: Watched
) -> None:
    receipt = started()
    receipts.put(receipt)
    assert dynamodb.counted() == ["PutItem"]
    receipts.put(completed(receipt))
    assert dynamodb.counted() == ["PutItem", "PutItem"]
    assert receipts.completed("acme", receipt.etag) == completed(receipt)
    assert dynamodb.counted() == ["GetItem"]
    receipts.put(replace(receipt, state="aborted"))
    assert dynamodb.counted() == ["PutItem"]


def test_numbers_are_numbers_times_are_iso_and_the_table_removes_it_after_its_time(
    receipts: DynamoReceipts, dynamodb: Watched, table: str
) -> None:
    receipts.put(replace(completed(started()), private=False))
    for item in items_of(dynamodb, table):
        assert item["bytes"] == {"N": str(2**53 + 1)}
        assert item["rows"] == {"N": "3"}
        assert item["private"] == {"BOOL": False}
        assert item["started"] == {"S": "2024-05-01T12:30:00.123456+00:00"}
        ends = START + timedelta(days=7)
        assert 0 <= int(item["expires"]["N"]) - ends.timestamp() < 1
    described = dynamodb.client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert described == {"AttributeName": "expires", "TimeToLiveStatus": "ENABLED"}


def test_the_longest_receipt_takes_one_write_unit(
    receipts: DynamoReceipts, dynamodb: Watched, table: str
) -> None:
    longest = replace(
        completed(started(dataset="d" * 100)),
        tenant="t" * 63,
        version="2024-05-01T12-30-00Z-0123456789abcdef",
        coding="identity",
        format="parquet",
    )
    receipts.put(longest)
    sizes = [
        sum(len(name) + len(str(*value.values()).encode()) for name, value in item.items())
        for item in items_of(dynamodb, table)
    ]
    assert len(sizes) == 2
    assert max(sizes) <= WRITE_UNIT


def test_times_of_another_zone_are_stored_in_utc_and_sort(receipts: DynamoReceipts) -> None:
    zone = timezone(timedelta(hours=9))
    early = completed(started(at=START.astimezone(zone)))
    late = completed(started(at=START + timedelta(microseconds=1)))
    whole = completed(started(at=datetime(2024, 5, 1, 12, 30, tzinfo=UTC)))
    for receipt in (late, early, whole):
        receipts.put(receipt)
    assert receipts.completed("acme", late.etag) == late
    assert receipts.get("acme", early.id) == early


@pytest.mark.parametrize("receipt_id", ['etag#"x"', "", "A" * 32, "0" * 31, "0" * 32 + "\n"])
def test_what_cannot_be_a_receipts_id_costs_no_call(
    receipts: DynamoReceipts, dynamodb: Watched, receipt_id: str
) -> None:
    receipts.put(replace(completed(started()), etag='"x"'))
    dynamodb.counted()
    with pytest.raises(UnknownReceiptError):
        receipts.get("acme", receipt_id)
    assert dynamodb.counted() == []


@pytest.mark.parametrize("code", ["ThrottlingException", "ResourceNotFoundException"])
def test_a_table_that_cannot_be_used_is_busy_also_when_an_answer_opens(
    receipts: DynamoReceipts, dynamodb: Watched, table: str, code: str
) -> None:
    receipt = started()
    dynamodb.fails = lambda _: code
    uses: list[Callable[[], object]] = [
        lambda: receipts.put(receipt),
        lambda: receipts.put(completed(receipt)),
        lambda: receipts.get("acme", receipt.id),
        lambda: receipts.completed("acme", receipt.etag),
    ]
    for use in uses:
        with pytest.raises(BusyError) as raised:
            use()
        assert table not in raised.value.detail


def test_a_receipt_is_complete_also_where_its_length_cannot_be_kept_for_later(
    receipts: DynamoReceipts, dynamodb: Watched
) -> None:
    ended = completed(started())
    calls: list[str] = []

    def second_fails(call: str) -> str | None:
        calls.append(call)
        return "ThrottlingException" if len(calls) > 1 else None

    dynamodb.fails = second_fails
    receipts.put(ended)
    dynamodb.fails = lambda _: None
    assert calls == ["PutItem", "PutItem"]
    assert receipts.get("acme", ended.id) == ended
    assert receipts.completed("acme", ended.etag) is None
