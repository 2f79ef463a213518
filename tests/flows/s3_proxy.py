"""A proxy between readers and an S3 server that lets a request go wrong when a test says so."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit

_SERVER_SECONDS = 30
_SLOW_DOWN = (
    b"<?xml version='1.0'?><Error><Code>SlowDown</Code>"
    b"<Message>Please reduce your request rate.</Message></Error>"
)

Fault = Literal[
    "500",
    "503",
    "403",
    "reset",
    "reset in the body",
    "cut short",
    "short with its own length",
    "short without a length",
    "another etag",
    "not a part",
]
"""What can happen to one answer; the last one is a 200 with all of the object, though a range was
asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it came."""

    method: str
    path: str
    range: str | None
    if_match: str | None


@dataclass(slots=True)
class Proxy:
    """A running proxy at `endpoint`; `choose` names the fault of each request, None is none."""

    endpoint: str
    choose: Callable[[Request], Fault | None] = lambda _: None
    before: Callable[[Request], None] = lambda _: None
    """Called before a request is passed on, one request at a time."""
    held: Callable[[Request], None] = lambda _: None
    """Called after that, beside other requests: it may wait for them."""
    answered: Callable[[Request], None] = lambda _: None
    """Called when a request's answer is sent."""
    seen: list[Request] = field(default_factory=list)
    struck: int = 0

    def fail(self, fault: Fault, *, times: int, of: Callable[[Request], bool]) -> None:
        """Let the next so many requests of a kind go wrong; forget what was seen."""
        left = [times]
        self.seen.clear()
        self.struck = 0

        def choose(request: Request) -> Fault | None:
            if left[0] <= 0 or not of(request):
                return None
            left[0] -= 1
            self.struck += 1
            return fault

        self.choose = choose

    def clear(self) -> None:
        """Let everything go well; forget what was seen."""
        self.choose = lambda _: None
        self.before = self.held = self.answered = lambda _: None
        self.seen.clear()


@contextmanager
def proxy(endpoint: str) -> Iterator[Proxy]:
    """Run a proxy in front of a server."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.upstream = urlsplit(endpoint).netloc
        server.lock = threading.Lock()
        server.running = Proxy(endpoint=f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.running
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _SERVER_SECONDS

    server: "_Server"

    def do_GET(self) -> None:
        running = self.server.running
        request = Request(
            method=self.command,
            path=self.path,
            range=self.headers.get("range"),
            if_match=self.headers.get("if-match"),
        )
        with self.server.lock:
            running.seen.append(request)
            fault = running.choose(request)
            running.before(request)
            # Who has its answer may go on and set others for what it asks then.
            held, answered = running.held, running.answered
        held(request)
        self._respond(fault)
        answered(request)

    def _respond(self, fault: Fault | None) -> None:
        if fault in ("500", "503", "403"):
            self._answer(int(fault), [("Content-Length", str(len(_SLOW_DOWN)))], _SLOW_DOWN)
        elif fault == "reset":
            self._reset()
        else:
            self._pass_on(fault)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _pass_on(self, fault: Fault | None) -> None:
        headers = dict(self.headers)
        if fault == "not a part":
            headers.pop("Range", None)
        upstream = HTTPConnection(self.server.upstream, timeout=_SERVER_SECONDS)
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            upstream.putheader(name, value)
        upstream.endheaders()
        answer = upstream.getresponse()
        content = answer.read()
        upstream.close()
        self._spoiled(answer, content, fault)

    def _spoiled(self, answer: HTTPResponse, content: bytes, fault: Fault | None) -> None:
        headers = [
            (name, value)
            for name, value in answer.getheaders()
            if name.lower() not in ("content-length", "transfer-encoding", "connection")
        ]
        length = str(answer.getheader("content-length", len(content)))
        half = content[: len(content) // 2]
        match fault:
            case "another etag":
                headers = [pair for pair in headers if pair[0].lower() != "etag"]
                headers += [("ETag", '"of-another"'), ("Content-Length", length)]
                self._answer(answer.status, headers, content)
            case "cut short" | "reset in the body":
                self._answer(answer.status, [*headers, ("Content-Length", length)], half)
                if fault == "reset in the body":
                    self._reset()
                self.close_connection = True
            case "short with its own length":
                headers.append(("Content-Length", str(len(half))))
                self._answer(answer.status, headers, half)
            case "short without a length":
                self._answer(answer.status, [*headers, ("Connection", "close")], half)
                self.close_connection = True
            case _:
                self._answer(answer.status, [*headers, ("Content-Length", length)], content)

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _reset(self) -> None:
        # A linger of no seconds makes the close a reset.
        at_once = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        self.close_connection = True

    def handle(self) -> None:
        """Serve one connection; a client may leave at any time."""
        try:
            super().handle()
        except (OSError, ValueError):
            self.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    upstream: str
    lock: threading.Lock
    running: Proxy

    def shutdown_request(self, request: Any) -> None:
        """End a connection; one that is to be reset says nothing else before."""
        self.close_request(request)
