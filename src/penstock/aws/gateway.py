"""The gateway's handler: the JSON API behind API Gateway, whole answers on the managed runtime.

It stands apart from the other handlers: what it imports, they need not wait for.
"""

import atexit
import os
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from typing import Any

from mangum import Mangum
from mangum.handlers.api_gateway import HTTPGateway
from mangum.types import Scope as EventScope

from penstock.aws.compose import compose
from penstock.aws.jobs.ports import job_ports
from penstock.aws.jobs.signals import stack_signals, with_hints
from penstock.aws.jobs.tickets import DynamoTickets
from penstock.aws.logs.lines import log_as_json
from penstock.aws.origin import OriginSecrets, behind_edge
from penstock.aws.runtime.function_url import extensions_of, scope_of
from penstock.aws.services.clients import Clients
from penstock.aws.services.dynamo_table import DynamoTable
from penstock.errors import SetupError
from penstock.model.clock import utc_now
from penstock.settings import JobSettings, from_environment
from penstock.web.app import create_app
from penstock.web.jobs.api import JobsApi

_GATEWAY_BYTES = 4_400_000
"""What a function may answer in one piece is 6 MB, and base64 makes three bytes four
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""
_HINT_SECONDS = 0.25
"""The longest that a request to cancel waits for its hint to go out."""


def api(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one request of API Gateway, whole (ApiFunction)."""
    return _gateway()(event, context)


class _Gateway(HTTPGateway):
    """Events of an HTTP API, with the path and the query as the client sent them."""

    @property
    def scope(self) -> EventScope:
        own = scope_of(self.event)
        own["extensions"] = extensions_of(
            most_bytes=_GATEWAY_BYTES,
            request_id=self.context.aws_request_id,
            trace_id=os.environ.get("_X_AMZN_TRACE_ID", ""),
        )
        return {**super().scope, **own}


@cache
def _gateway() -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Compose the app once for as long as this environment lives."""
    settings, clients = from_environment(JobSettings), Clients()
    if settings.origin_secret_arn is None:
        raise SetupError("PENSTOCK_ORIGIN_SECRET_ARN names no secret: every call would be refused.")
    log_as_json(service=settings.service)
    stack = ExitStack()
    atexit.register(stack.close)
    signals = stack.enter_context(stack_signals(settings, clients, wait_seconds=_HINT_SECONDS))
    sockets = DynamoTable(clients.of("dynamodb"), settings.sockets_table)
    jobs = JobsApi(
        ports=with_hints(job_ports(settings, clients), signals),
        tickets=DynamoTickets(sockets, now=utc_now),
        sockets_url=settings.sockets_url,
    )
    resources = stack.enter_context(compose(settings, clients, jobs=jobs))
    secrets = OriginSecrets(clients.of("secretsmanager"), settings.origin_secret_arn)
    app: Any = behind_edge(create_app(resources), secrets)
    return Mangum(app, lifespan="off", custom_handlers=[_Gateway])
