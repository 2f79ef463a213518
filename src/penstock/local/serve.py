"""`penstock serve`: the embedded service on a socket, from its banner to a clean end."""

import contextlib
import errno
import logging
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Iterator

import uvicorn

from penstock.errors import SetupError
from penstock.lean import keep_trimmed, share_one_heap, take_short_turns
from penstock.local.banner import banner
from penstock.local.compose import compose
from penstock.local.opened_store import ServedPath
from penstock.local.protocol import SocketProtocol, TargetAwareProtocol
from penstock.settings import Settings
from penstock.web.app import create_app
from penstock.web.resources import Resources

_BACKLOG = 1024
_GRACE_SECONDS = 2
_SOCKET_MESSAGE_BYTES = 4096
"""Clients of sockets have nothing to say: a long message ends the connection."""
_STREAM_THREADS = ("producer", "ahead")


def serve(settings: Settings, served: ServedPath, *, open_browser: bool) -> None:
    """Serve until interrupted; prints where and how to ask once requests are taken.

    Raises SetupError if the port is taken or something can't be read.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    share_one_heap()
    take_short_turns()
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(each) for each in _listening(settings.host, settings.port)]
        stack.enter_context(keep_trimmed())
        resources = stack.enter_context(compose(settings, served))
        port = sockets[0].getsockname()[1]
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        sys.stdout.write(banner(resources, host=settings.host, port=port) + "\n")
        sys.stdout.flush()
        if open_browser:
            url = f"http://{_shown_host(settings.host)}:{port}/"
            threading.Timer(0.5, webbrowser.open, (url,)).start()
        with contextlib.suppress(KeyboardInterrupt):
            server_of(resources).run(sockets=sockets)
        _await_streams()


def _await_streams() -> None:
    """Wait for the threads whose queries were ended with their connections.

    Python ends a thread that is still inside the engine by force, and the process with it.
    """
    ends = time.monotonic() + _GRACE_SECONDS
    for thread in threading.enumerate():
        if thread.name in _STREAM_THREADS:
            thread.join(max(0.0, ends - time.monotonic()))


def server_of(resources: Resources) -> uvicorn.Server:
    """Make the server; it listens on the sockets that it is run with."""
    return _Server(
        uvicorn.Config(
            create_app(resources),
            http=TargetAwareProtocol,
            loop="uvloop" if sys.platform != "win32" else "asyncio",
            ws=SocketProtocol,
            ws_max_size=_SOCKET_MESSAGE_BYTES,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )


class _Server(uvicorn.Server):
    """Drops, at its end, the connections whose clients don't take what was sent."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        # A loop that has bytes left for a client that doesn't read would wait for it.
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()


def _shown_host(host: str) -> str:
    return "localhost" if host in ("127.0.0.1", "0.0.0.0", "::", "::1") else host  # noqa: S104


def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """Open the sockets: on loopback one for each family, since `localhost` may mean either."""
    yield _bound(socket.AF_INET6 if ":" in host else socket.AF_INET, host, port)
    if host == "127.0.0.1" and port != 0 and socket.has_ipv6:
        # A machine without IPv6 is served over IPv4 alone.
        with contextlib.suppress(SetupError):
            yield _bound(socket.AF_INET6, "::1", port)


def _bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, port))
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise SetupError(
                f"Port {port} is in use: choose another one with --port, or --port 0 for any."
            ) from error
        raise SetupError(f"Can't listen on {host}:{port}: {error.strerror}.") from error
    bound.setblocking(False)
    return bound
