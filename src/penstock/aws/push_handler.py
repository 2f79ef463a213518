"""Handler of the function that tells open sockets of events, as the bus hands them on."""

import logging
from functools import cache
from typing import Any

from penstock.aws.jobs.bus_events import event_from
from penstock.aws.jobs.socket_events import POST_SECONDS, SocketEvents
from penstock.aws.jobs.sockets import DynamoSockets
from penstock.aws.logs.lines import log_as_json
from penstock.aws.services.clients import Clients
from penstock.aws.services.dynamo_table import DynamoTable
from penstock.model.clock import utc_now
from penstock.settings import SocketSettings, from_environment

_log = logging.getLogger("penstock.jobs")


def push(event: dict[str, Any], _context: Any) -> None:
    """Tell an event to the sockets that hear of it (PushFunction).

    Raises BusyError where one of them can't be reached: Lambda hands the event on again then.
    """
    told = event_from(event["detail"])
    if told is None:
        _log.warning("no event of a job")
        return
    _posts().publish(told)


@cache
def _posts() -> SocketEvents:
    """Compose once for as long as this environment lives."""
    settings, clients = from_environment(SocketSettings), Clients()
    log_as_json(service=settings.service)
    return SocketEvents(
        client=clients.of(
            "apigatewaymanagementapi",
            endpoint=settings.sockets_endpoint,
            read_seconds=POST_SECONDS,
        ),
        sockets=DynamoSockets(
            DynamoTable(clients.of("dynamodb"), settings.sockets_table), now=utc_now
        ),
    )
