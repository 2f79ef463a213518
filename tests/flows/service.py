"""The real service on a real socket, in a thread of the test's own process."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from penstock.local.compose import compose
from penstock.local.opened_store import ServedPath
from penstock.local.serve import server_of
from penstock.settings import Settings
from penstock.web.resources import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A running service: its address, and the resources it was wired with."""

    url: str
    port: int
    resources: Resources


def as_composed(resources: Resources) -> Resources:
    """Serve with the real parts as they are."""
    return resources


@contextmanager
def serving(
    path: Path | None,
    *,
    home: Path,
    null_text: str | None = None,
    demo: bool = False,
    adapt: Callable[[Resources], Resources] = as_composed,
    **settings: object,
) -> Iterator[Service]:
    """Serve a folder or file (None: the home folder's tenants) on a free port of loopback.

    `adapt` may put a part of the test's own in place of a real one, such as a reader whose files
    change; `settings` are those of `Settings`.
    """
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    chosen = Settings(home=home, port=port, **settings)  # type: ignore[arg-type]
    with (
        listening,
        compose(chosen, ServedPath(path=path, null_text=null_text, demo=demo)) as resources,
    ):
        server = server_of(adapt(resources))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield Service(url=f"http://localhost:{port}", port=port, resources=resources)
        finally:
            server.should_exit = True
            thread.join()
