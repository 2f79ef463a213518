"""A stand-in for API Gateway's management of sockets: posts are kept, and the gone answer 410."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import unquote

_PATH = "/@connections/"


@dataclass(slots=True, kw_only=True)
class ManagementApi:
    """What was posted to each socket, in order, which were ended, and which fail and how."""

    endpoint: str = ""
    posted: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    ended: list[str] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    """The status of sockets that don't take anything: 410 of one that is gone."""
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def management_api() -> Iterator[ManagementApi]:
    """Run the stand-in for the body."""
    api = ManagementApi()
    handler = type("Handler", (_Handler,), {"api": api})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    api.endpoint = f"http://127.0.0.1:{server.server_port}/live"
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    api: ClassVar[ManagementApi]
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["content-length"])))

    def do_DELETE(self) -> None:
        self._answer(None)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has
        pass

    def _answer(self, posted: bytes | None) -> None:
        socket_id = unquote(self.path.partition(_PATH)[2])
        with self.api.lock:
            status = self.api.statuses.get(socket_id, 200)
            if status == 200 and posted is not None:
                self.api.posted[socket_id].append(posted)
            elif status == 200:
                self.api.ended.append(socket_id)
        self.send_response(status)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
