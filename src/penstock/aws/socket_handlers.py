"""Handler behind the sockets' gateway: a ticket opens a socket, which is told what it missed."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from penstock.aws.jobs.events import DynamoJobEvents
from penstock.aws.jobs.socket_events import POST_SECONDS, SocketEvents
from penstock.aws.jobs.sockets import DynamoSockets
from penstock.aws.jobs.store import DynamoJobStore
from penstock.aws.jobs.tickets import DynamoTickets
from penstock.aws.logs.lines import log_as_json
from penstock.aws.services.clients import Clients
from penstock.aws.services.dynamo_table import DynamoTable
from penstock.errors import BusyError, TooManyAtOnceError
from penstock.model.clock import utc_now
from penstock.ports import JobEvents, JobStore
from penstock.settings import ReplaySettings, from_environment
from penstock.web.jobs.listening import after_in, digest_of, missed

_OPEN, _UNKNOWN, _WRONG_TICKET, _TOO_MANY, _BUSY = 200, 400, 401, 429, 503
"""What web/problems.py says of the same; nothing but a status goes through the gateway."""

_log = logging.getLogger("penstock.jobs")


def sockets(event: dict[str, Any], _context: Any) -> dict[str, int]:
    """Take what happened to one socket (SocketFunction).

    `$connect` with a `ticket` opens it; whose ticket it is decides what it hears of. It takes no
    other parameter: nothing can be posted to a socket before its opening was answered. On a message
    `{"after": {job id: number of the last event}}` it is told what it missed; a socket that can't
    be is ended, so that its client comes back. `$disconnect` has it forgotten.
    """
    asked, front = event["requestContext"], _front()
    socket_id = asked["connectionId"]
    try:
        match asked["routeKey"]:
            case "$connect":
                status = front.open(socket_id, event.get("queryStringParameters") or {})
            case "$disconnect":
                front.sockets.closed(socket_id)
                status = _OPEN
            case _:
                status = front.replay(socket_id, event.get("body") or "")
    except TooManyAtOnceError:
        status = _TOO_MANY
    except BusyError as error:
        _log.warning("socket: %s", error.code)
        status = _BUSY
    return {"statusCode": status}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Front:
    tickets: DynamoTickets
    sockets: DynamoSockets
    store: JobStore
    events: JobEvents
    posts: SocketEvents

    def open(self, socket_id: str, given: Mapping[str, str]) -> int:
        if given.keys() - {"ticket"}:
            _log.info("socket refused", extra={"problem": "unknown-parameter"})
            return _UNKNOWN
        listener = self.tickets.take(digest_of(given.get("ticket", "")))
        if listener is None:
            _log.info("socket refused", extra={"problem": "bad-ticket"})
            return _WRONG_TICKET
        self.sockets.opened(socket_id, listener)
        _log.info("socket opened", extra={"tenant": listener.tenant})
        return _OPEN

    def replay(self, socket_id: str, said: str) -> int:
        listener = self.sockets.listener(socket_id)
        after = after_in(said)
        if listener is None or not after:
            return _OPEN
        try:
            self.posts.replay(socket_id, missed(self.store, self.events, listener, after))
        except BusyError:
            with suppress(BusyError):
                self.posts.end(socket_id)
            raise
        return _OPEN


@cache
def _front() -> _Front:
    """Compose once for as long as this environment lives."""
    settings, clients = from_environment(ReplaySettings), Clients()
    log_as_json(service=settings.service)
    dynamodb = clients.of("dynamodb")
    listening = DynamoTable(dynamodb, settings.sockets_table)
    table = DynamoTable(dynamodb, settings.jobs_table)
    open_sockets = DynamoSockets(listening, now=utc_now)
    return _Front(
        tickets=DynamoTickets(listening, now=utc_now),
        sockets=open_sockets,
        store=DynamoJobStore(table),
        events=DynamoJobEvents(table),
        posts=SocketEvents(
            client=clients.of(
                "apigatewaymanagementapi",
                endpoint=settings.sockets_endpoint,
                read_seconds=POST_SECONDS,
            ),
            sockets=open_sockets,
        ),
    )
