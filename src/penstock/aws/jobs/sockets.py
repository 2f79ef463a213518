"""Sockets of API Gateway: which are open for whom, in DynamoDB."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from penstock.aws.jobs.listener_items import EXPIRES_ATTRIBUTE, attributes_of, listener_of
from penstock.aws.services.dynamo_table import (
    DynamoTable,
    Item,
    ItemWrite,
    key_of,
)
from penstock.errors import TooManyAtOnceError
from penstock.model.event import JobEvent
from penstock.model.job import ANONYMOUS
from penstock.ports import Listener

LONGEST_OPEN = timedelta(hours=1)
"""Whoever listens shows at least this often that the key is still good; API Gateway itself ends a
socket after two ("Quotas for configuring and running a WebSocket API in API Gateway")."""

MOST_OF_A_PLACE = 200
"""Sockets that an event goes to of one user, and of a tenant's admins."""

_SETTLED = timedelta(seconds=30)
"""A socket can't be reached before API Gateway has taken its opening as done."""

_RETRY_SECONDS = 10

_OPEN = "socket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Socket:
    """An open socket that listens at a place of the table."""

    id: str
    place: str
    is_settled: bool
    """Whether it can be reached, if it is there at all."""
    is_outdated: bool
    """Whether it was open for as long as it may be."""


class DynamoSockets:
    """Open sockets, each in two items: where events find it, and where its end does.

    An item `{tenant}#user#{user}`, or `{tenant}#admins`, part its id, has the sockets that an event
    goes to; an item `#socket#{id}`, part `socket`, says whose it is. What a lost end leaves behind
    is found gone by the next event, or removed by its TTL attribute.
    """

    def __init__(
        self, table: DynamoTable, *, now: Callable[[], datetime], sockets_a_user: int = 10
    ) -> None:
        self._table = table
        self._now = now
        self._most = sockets_a_user

    def opened(self, socket_id: str, listener: Listener) -> None:
        """Have events go to this socket from now on.

        Raises TooManyAtOnceError where the user has as many as one may, and BusyError.
        """
        place = _listening_place(listener)
        theirs = (item for item in self._at(place) if item["user"]["S"] == listener.user)
        if sum(not self._socket(item).is_outdated for item in theirs) >= self._most:
            raise TooManyAtOnceError(
                "sockets", limit=self._most, retry_after_seconds=_RETRY_SECONDS
            )
        until = ceil((self._now() + LONGEST_OPEN).timestamp())
        item = {**attributes_of(listener), EXPIRES_ATTRIBUTE: {"N": str(until)}}
        self._table.write_all(
            ItemWrite(operation="Put", place=_socket_place(socket_id), part=_OPEN, item=item),
            ItemWrite(operation="Put", place=place, part=socket_id, item=item),
        )

    def closed(self, socket_id: str) -> None:
        """Forget a socket that ended; forgetting none changes nothing. Raises BusyError."""
        listener = self.listener(socket_id)
        if listener is not None:
            self._forget(socket_id, place=_listening_place(listener))

    def listener(self, socket_id: str) -> Listener | None:
        """Give whose socket this is; None if it isn't open. Raises BusyError."""
        found = self._table.get(_socket_place(socket_id), _OPEN)
        return None if found is None else listener_of(found)

    def forget(self, socket: Socket) -> None:
        """Forget a socket that was found gone. Raises BusyError."""
        self._forget(socket.id, place=socket.place)

    def hearing(self, event: JobEvent) -> list[Socket]:
        """Give the sockets of the event's user, and of the tenant's admins; 200 of each at most.

        Nobody hears of a visitor's job: visitors share one name. Raises BusyError.
        """
        if event.user == ANONYMOUS:
            return []
        places = (_user_place(event.tenant, event.user), _admins_place(event.tenant))
        return [self._socket(item) for place in places for item in self._at(place)]

    def _at(self, place: str) -> Sequence[Item]:
        return next(
            self._table.query(
                "#place = :place",
                {"place": {"S": place}},
                names=["place"],
                at_once=MOST_OF_A_PLACE,
            )
        )

    def _socket(self, item: Item) -> Socket:
        left = timedelta(seconds=int(item[EXPIRES_ATTRIBUTE]["N"]) - self._now().timestamp())
        place, socket_id = key_of(item)
        return Socket(
            id=socket_id,
            place=place,
            is_settled=LONGEST_OPEN - left > _SETTLED,
            is_outdated=left <= timedelta(0),
        )

    def _forget(self, socket_id: str, *, place: str) -> None:
        # Where it listens first: a process that dies in between leaves what tells of that.
        self._table.delete_all([(place, socket_id)])
        self._table.delete_all([(_socket_place(socket_id), _OPEN)])


# A tenant's id is never empty, and has no “#”.


def _socket_place(socket_id: str) -> str:
    return f"#socket#{socket_id}"


def _listening_place(listener: Listener) -> str:
    if listener.is_admin:
        return _admins_place(listener.tenant)
    return _user_place(listener.tenant, listener.user)


def _admins_place(tenant: str) -> str:
    return f"{tenant}#admins"


def _user_place(tenant: str, user: str) -> str:
    return f"{tenant}#user#{user}"
