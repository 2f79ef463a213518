"""A small HTTP server that plays the service's part in a download, faults included, by a script."""

import gzip
import hashlib
import json
import re
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Literal

import pyarrow as pa

from penstock.client.transfer.retry import RetryPolicy

Framing = Literal["length", "chunked", "close"]
Fields = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one answer is to do otherwise than a faultless one."""

    cut: int | None = None
    """Break the connection after this many bytes of the body."""
    hold: bool = False
    """With `cut`: keep the connection open until the origin closes, instead of breaking it."""
    drop: bool = False
    """Break it before the status."""
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Added to the answer's own, or in their place."""
    body: bytes = b""
    """With `status`: the whole body."""
    become: bytes | None = None
    """The content is this from here on."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request for the download, as it came."""

    path: str
    headers: Mapping[str, str]


@dataclass(kw_only=True)
class Origin:
    """The server's content and manners; change them between requests as the test needs."""

    content: bytes = b""
    ranges: bool = True
    strong: bool = True
    framing: Framing = "length"
    coded: bool = True
    file_name: str | None = "trees.csv"
    disposition: str | None = None
    receipt: Callable[[Fields], Fields | None] = lambda fields: fields
    """Turns the true receipt into the shown one; None is a 404."""
    script: list[Plan] = field(default_factory=list)
    """One plan for each download request, in order; faultless after the last."""
    pages: dict[str, bytes] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    naps: list[float] = field(default_factory=list)
    receipts: dict[str, Fields] = field(default_factory=dict)
    url: str = ""
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def retry(self) -> RetryPolicy:
        """A client's retry policy that takes notes instead of naps."""
        return RetryPolicy(sleep=self.naps.append, draw=lambda: 1.0)

    def coded_as(self, coding: str) -> bytes:
        """The content in a content coding; the same bytes every time."""
        if coding == "zstd":
            sink = pa.BufferOutputStream()
            with pa.CompressedOutputStream(sink, "zstd") as stream:
                stream.write(self.content)
            return bytes(sink.getvalue().to_pybytes())
        return gzip.compress(self.content, mtime=0) if coding == "gzip" else self.content

    def etag(self, coding: str) -> str:
        """The entity tag of the content in a coding."""
        tag = f'"{hashlib.sha256(self.content).hexdigest()[:16]}-{coding}"'
        return tag if self.strong else f"W/{tag}"


@contextmanager
def serving(origin: Origin) -> Iterator[Origin]:
    """Serve `origin` on a free port of loopback while the context lasts; its `url` is set."""

    class Handler(_Handler):
        scripted = origin

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing: a client that leaves is part of the tests."""

    with Server(("127.0.0.1", 0), Handler) as server:
        origin.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.005,))
        thread.start()
        try:
            yield origin
        finally:
            origin.closing.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    scripted: Origin
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's own name
        """Keep quiet."""

    def do_GET(self) -> None:
        self.close_connection = True
        path = self.path.partition("?")[0]
        if path.startswith("/-/receipts/"):
            self._receipt(path.rsplit("/", 1)[1])
        elif path in self.scripted.pages:
            self._whole(200, {"Content-Type": "application/json"}, self.scripted.pages[path])
        else:
            self._download()

    def _receipt(self, receipt_id: str) -> None:
        true = self.scripted.receipts.get(receipt_id)
        shown = None if true is None else self.scripted.receipt(dict(true))
        body = json.dumps(shown).encode()
        self._whole(404 if shown is None else 200, {"Content-Type": "application/json"}, body)

    def _download(self) -> None:
        origin = self.scripted
        origin.asked.append(Asked(path=self.path, headers=dict(self.headers.items())))
        plan = origin.script.pop(0) if origin.script else Plan()
        if plan.become is not None:
            origin.content = plan.become
        if plan.drop:
            return
        if plan.status is not None:
            self._whole(plan.status, dict(plan.headers), plan.body)
            return
        wanted = re.split(r"[,;]", self.headers.get("Accept-Encoding", "identity"))[0].strip()
        coding = wanted if origin.coded else "identity"
        body, etag = origin.coded_as(coding), origin.etag(coding)
        receipt_id = f"{len(origin.asked):032x}"
        headers = {"ETag": etag, "Download-Id": receipt_id}
        if coding != "identity":
            headers["Content-Encoding"] = coding
        if origin.disposition or origin.file_name:
            named = f'attachment; filename="{origin.file_name}"'
            headers["Content-Disposition"] = origin.disposition or named
        status, start = 200, 0
        matched = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if matched and origin.ranges and self.headers.get("If-Range") == etag:
            start = int(matched[1])
            if start >= len(body):
                self._whole(416, {"Content-Range": f"bytes */{len(body)}"}, b"")
                return
            status = 206
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        headers |= plan.headers
        rest = body[start:]
        # Where a length ends the body, a break behind its last byte is none.
        broken = plan.cut is not None and (plan.cut < len(rest) or origin.framing == "chunked")
        origin.receipts[receipt_id] = {
            "id": receipt_id,
            "state": "aborted" if broken else "complete",
            "rows": None if broken else origin.content.count(b"\n"),
            "bytes": None if broken else len(body),
            "sha256": None if broken else hashlib.sha256(body).hexdigest(),
            "identity_bytes": None if broken else len(origin.content),
            "identity_sha256": None if broken else hashlib.sha256(origin.content).hexdigest(),
        }
        self._stream(status, headers, rest, plan)

    def _stream(self, status: int, headers: dict[str, str], body: bytes, plan: Plan) -> None:
        framing = self.scripted.framing
        if framing == "length":
            headers["Content-Length"] = str(len(body))
        elif framing == "chunked":
            headers["Transfer-Encoding"] = "chunked"
        self._head(status, headers)
        sent = body if plan.cut is None else body[: plan.cut]
        for start in range(0, len(sent), 1000):
            piece = sent[start : start + 1000]
            self.wfile.write(
                b"%x\r\n%s\r\n" % (len(piece), piece) if framing == "chunked" else piece
            )
        if plan.cut is None and framing == "chunked":
            self.wfile.write(b"0\r\n\r\n")
        if plan.hold:
            self.wfile.flush()
            self.scripted.closing.wait()

    def _whole(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self._head(status, headers | {"Content-Length": str(len(body))})
        self.wfile.write(body)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
