"""The test function behind a Function URL, and the connection over which a test steers it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.flows import runtime_app
from tests.flows.function_url import FunctionUrl, Limits, function_url

PATIENCE_SECONDS = 20


@contextmanager
def serving(handler: str = "serve", **limits: float) -> Iterator[FunctionUrl]:
    """Serve one of the handlers, within limits that AWS has or a test sets."""
    chosen = Limits(**limits)  # type: ignore[arg-type] # any of its fields
    with function_url(runtime_app.COMMAND, runtime_app.variables(handler), limits=chosen) as front:
        yield front


@contextmanager
def listening() -> Iterator[socket.socket]:
    """Listen for the app's connection, over which it is steered."""
    with socket.create_server(("127.0.0.1", 0)) as steering:
        steering.settimeout(PATIENCE_SECONDS)
        yield steering


def steered(steering: socket.socket) -> socket.socket:
    """Take the app's connection."""
    accepted, _ = steering.accept()
    accepted.settimeout(PATIENCE_SECONDS)
    return accepted


def port_of(steering: socket.socket) -> int:
    """Tell where the app is to connect."""
    return int(steering.getsockname()[1])
