"""Listener items: what tickets and sockets share in their table, which is whose they are."""

from collections.abc import Mapping
from typing import Any

from penstock.aws.services.dynamo_table import (
    Item,
)
from penstock.ports import Listener

EXPIRES_ATTRIBUTE = "expires"


SOCKETS_TABLE: Mapping[str, Any] = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": "place", "AttributeType": "S"},
        {"AttributeName": "part", "AttributeType": "S"},
    ],
    "KeySchema": [
        {"AttributeName": "place", "KeyType": "HASH"},
        {"AttributeName": "part", "KeyType": "RANGE"},
    ],
}
"""The table of tickets and sockets, as CreateTable and CloudFormation write it; its TTL attribute
is EXPIRES_ATTRIBUTE."""


def attributes_of(listener: Listener) -> dict[str, dict[str, Any]]:
    """Give the attributes that say whose an item is."""
    return {
        "tenant": {"S": listener.tenant},
        "user": {"S": listener.user},
        "admin": {"BOOL": listener.is_admin},
    }


def listener_of(item: Item) -> Listener:
    """Read whose an item is."""
    return Listener(
        tenant=item["tenant"]["S"], user=item["user"]["S"], is_admin=item["admin"]["BOOL"]
    )
