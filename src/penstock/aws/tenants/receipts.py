"""Receipts in DynamoDB."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from math import ceil
from typing import Any, cast

from botocore.exceptions import ClientError

from penstock.aws.services.record_failures import as_busy, code_of
from penstock.errors import BusyError, UnknownReceiptError
from penstock.model.receipt import RECEIPT_KEPT, Receipt, ReceiptState

EXPIRES_ATTRIBUTE = "expires"

RECEIPTS_TABLE: Mapping[str, Any] = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "place", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "place", "KeyType": "HASH"}],
}
"""The table that DynamoReceipts stands on, as CreateTable and CloudFormation write it."""

_ID = re.compile(r"[0-9a-f]{32}")
_TEXTS = ("id", "tenant", "dataset", "version", "etag", "format", "coding", "state")
_SOMETIMES = ("sha256", "identity_sha256", "owner")
_NUMBERS = ("rows", "bytes", "identity_bytes")

_Item = Mapping[str, Mapping[str, Any]]


class DynamoReceipts:
    """One table: partition key `place` (S), no sort key, no index; TTL attribute `expires` (N).

    A receipt's `place` is `{tenant}#{id}`. Its facts stand under their own names: texts and times
    (ISO 8601 in UTC, with microseconds, so that they sort as text) are S, counts are N, `private`
    is BOOL; what isn't known is missing. `expires` is its start and 7 days, in seconds since the
    epoch. DynamoDB removes items up to days later, so the age is looked at when one is read, too.

    A completed receipt is written a second time, under `{tenant}#etag#{etag}`, unless a newer one
    stands there: `completed` is one read by key. It may miss one of the last second.

    `put` is one round trip of one item below 1 KB (one write unit), and two for a completed
    receipt. All raise BusyError if the table can't be used; where only the second item of a
    completed receipt can't be written, the receipt is stored, and the length is counted again when
    it is next needed.
    """

    def __init__(self, *, client: Any, table: str, now: Callable[[], datetime]) -> None:
        self._client = client
        self._table = table
        self._now = now

    def put(self, receipt: Receipt) -> None:
        item = _item_of(receipt)
        with as_busy():
            self._client.put_item(
                TableName=self._table, Item={**item, "place": {"S": _place(receipt)}}
            )
        if receipt.state == "complete":
            with suppress(BusyError):
                self._put_newest(receipt, item)

    def get(self, tenant: str, receipt_id: str) -> Receipt:
        if not _ID.fullmatch(receipt_id):
            raise UnknownReceiptError
        receipt = self._read(f"{tenant}#{receipt_id}", consistently=True)
        if receipt is None:
            raise UnknownReceiptError
        return receipt

    def completed(self, tenant: str, etag: str) -> Receipt | None:
        return self._read(_newest_place(tenant, etag), consistently=False)

    def _put_newest(self, receipt: Receipt, item: _Item) -> None:
        place = _newest_place(receipt.tenant, receipt.etag)
        with as_busy():
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item={**item, "place": {"S": place}},
                    ConditionExpression="attribute_not_exists(place) OR started <= :started",
                    ExpressionAttributeValues={":started": item["started"]},
                )
            except ClientError as error:
                if code_of(error) != "ConditionalCheckFailedException":
                    raise

    def _read(self, place: str, *, consistently: bool) -> Receipt | None:
        with as_busy():
            answer = self._client.get_item(
                TableName=self._table, Key={"place": {"S": place}}, ConsistentRead=consistently
            )
        if "Item" not in answer:
            return None
        receipt = _receipt(answer["Item"])
        return receipt if self._now() - receipt.started < RECEIPT_KEPT else None


def _place(receipt: Receipt) -> str:
    return f"{receipt.tenant}#{receipt.id}"


def _newest_place(tenant: str, etag: str) -> str:
    # A tenant's id holds no “#”, and no receipt's id is as short.
    return f"{tenant}#etag#{etag}"


def _item_of(receipt: Receipt) -> dict[str, dict[str, Any]]:
    item: dict[str, dict[str, Any]] = {
        "private": {"BOOL": receipt.private},
        "started": {"S": _text(receipt.started)},
        EXPIRES_ATTRIBUTE: {"N": str(ceil((receipt.started + RECEIPT_KEPT).timestamp()))},
    }
    if receipt.ended is not None:
        item["ended"] = {"S": _text(receipt.ended)}
    for name in (*_TEXTS, *_SOMETIMES):
        text = getattr(receipt, name)
        if text is not None:
            item[name] = {"S": text}
    for name in _NUMBERS:
        number = getattr(receipt, name)
        if number is not None:
            item[name] = {"N": str(number)}
    return item


def _receipt(item: _Item) -> Receipt:
    def text(name: str) -> str:
        return str(item[name]["S"])

    def number(name: str) -> int | None:
        return int(item[name]["N"]) if name in item else None

    return Receipt(
        id=text("id"),
        tenant=text("tenant"),
        dataset=text("dataset"),
        version=text("version"),
        private=bool(item["private"]["BOOL"]),
        etag=text("etag"),
        format=text("format"),
        coding=text("coding"),
        started=datetime.fromisoformat(text("started")),
        owner=text("owner") if "owner" in item else None,
        state=cast("ReceiptState", text("state")),
        rows=number("rows"),
        bytes=number("bytes"),
        sha256=text("sha256") if "sha256" in item else None,
        identity_bytes=number("identity_bytes"),
        identity_sha256=text("identity_sha256") if "identity_sha256" in item else None,
        ended=datetime.fromisoformat(text("ended")) if "ended" in item else None,
    )


def _text(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="microseconds")
