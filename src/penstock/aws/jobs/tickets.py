"""Tickets: each opens one socket of API Gateway, once; they stand in DynamoDB."""

from collections.abc import Callable
from datetime import datetime
from math import ceil

from penstock.aws.jobs.listener_items import EXPIRES_ATTRIBUTE, attributes_of, listener_of
from penstock.aws.services.dynamo_table import (
    ConditionFailedError,
    DynamoTable,
    ItemWrite,
)
from penstock.ports import Listener

_TICKET = "ticket"


class DynamoTickets:
    """Items `#ticket#{SHA-256}`, part `ticket`, with whose they are and until when.

    A ticket is taken by the delete of its item, on condition that it still counts: once, whoever
    asks at the same time. Its end is compared with the clock of who takes it, which may differ a
    little from the clock of who gave it.
    """

    def __init__(self, table: DynamoTable, *, now: Callable[[], datetime]) -> None:
        self._table = table
        self._now = now

    def put(self, ticket_sha256: str, listener: Listener, *, seconds: int) -> None:
        until = ceil(self._now().timestamp()) + seconds
        self._table.write(
            ItemWrite(
                operation="Put",
                place=_ticket_place(ticket_sha256),
                part=_TICKET,
                item={**attributes_of(listener), EXPIRES_ATTRIBUTE: {"N": str(until)}},
            )
        )

    def take(self, ticket_sha256: str) -> Listener | None:
        try:
            taken = self._table.write(
                ItemWrite(
                    operation="Delete",
                    place=_ticket_place(ticket_sha256),
                    part=_TICKET,
                    condition=f"#{EXPIRES_ATTRIBUTE} > :now",
                    names=frozenset({EXPIRES_ATTRIBUTE}),
                    values={"now": {"N": str(self._now().timestamp())}},
                )
            )
        except ConditionFailedError:
            return None
        return listener_of(taken)


# No tenant's id, with which the places of sockets begin, is empty (sockets.py).


def _ticket_place(ticket_sha256: str) -> str:
    return f"#ticket#{ticket_sha256}"
