"""Events to whoever listens just now, over the sockets of API Gateway."""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError

from penstock.aws.jobs.sockets import DynamoSockets, Socket
from penstock.aws.services.bucket import status_of
from penstock.aws.services.record_failures import as_busy
from penstock.errors import BusyError
from penstock.model.event import JobEvent

POST_SECONDS = 2
"""How long the answer to one post is waited for: a client's `read_seconds`."""

_AT_ONCE = 8
_LONGEST_SECONDS = 10
_RETRY_SECONDS = 5

_NOT_TO_BE_HAD = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})
"""What no other attempt would be answered otherwise."""


class SocketEvents:
    """Posts an event to each socket of its user and of the tenant's admins, eight at once.

    A socket that is gone is forgotten, and one that is open for too long is ended: its client comes
    back, and replays. Where another one can't be reached, all others get the event before BusyError
    is raised: it is published again then, and who got it knows it by its number. No post is begun
    after ten seconds; how long one may take is the client's.
    """

    def __init__(self, *, client: Any, sockets: DynamoSockets) -> None:
        self._client = client
        self._sockets = sockets

    def publish(self, event: JobEvent) -> None:
        hearing = self._sockets.hearing(event)
        if not hearing:
            return
        said = _said(event)
        with ThreadPoolExecutor(min(len(hearing), _AT_ONCE), "sockets") as threads:
            telling = [threads.submit(self._tell, socket, said) for socket in hearing]
            _, late = wait(telling, timeout=_LONGEST_SECONDS)
            for each in late:
                each.cancel()
        if any(each.cancelled() for each in telling):
            raise BusyError(
                f"Not all sockets could be reached in {_LONGEST_SECONDS} s.",
                retry_after_seconds=_RETRY_SECONDS,
            )
        for each in telling:
            each.result()

    def replay(self, socket_id: str, events: Iterable[JobEvent]) -> None:
        """Post events to one socket, in order. Raises BusyError where that can't be done."""
        for event in events:
            with as_busy():
                try:
                    self._client.post_to_connection(ConnectionId=socket_id, Data=_said(event))
                except ClientError as error:
                    if status_of(error) != HTTPStatus.GONE:
                        raise
                    return

    def end(self, socket_id: str) -> None:
        """End a socket, whose client then comes back; raises BusyError."""
        with as_busy():
            self._client.delete_connection(ConnectionId=socket_id)

    def _tell(self, socket: Socket, said: bytes) -> None:
        with as_busy():
            try:
                if not socket.is_outdated:
                    self._client.post_to_connection(ConnectionId=socket.id, Data=said)
                    return
                self._client.delete_connection(ConnectionId=socket.id)
            except ClientError as error:
                if status_of(error) in _NOT_TO_BE_HAD:
                    return
                if status_of(error) != HTTPStatus.GONE:
                    raise
            if socket.is_settled:
                self._sockets.forget(socket)


def _said(event: JobEvent) -> bytes:
    return json.dumps(event.described(), separators=(",", ":")).encode()
