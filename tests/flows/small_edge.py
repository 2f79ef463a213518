"""What stands before the service on AWS, on this machine: an edge with a cache, and two origins.

Each can be given the faults that the checks of tests/aws are there to find.
"""

import http.client
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, cast
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

REGION = "eu-west-2"
CREDENTIALS = Credentials("AKIDSTANDIN", "stand-in-secret")
SECRET = "only-the-edge-knows"

_PIECE_BYTES = 65_536
_UPSTREAM_SECONDS = 30
_OK = 200
_REFUSED = 403
_HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "date", "server", "keep-alive"})


@dataclass(slots=True, kw_only=True)
class Faults:
    """What goes wrong at the edge or at an origin."""

    ends_parts_cleanly: bool = False
    """An answer that broke off ends as a whole one does."""
    keeps_parts: bool = False
    """An answer that broke off is kept as a whole one."""
    hangs: bool = False
    """An answer that broke off neither goes on nor ends."""
    cut_after: int | None = None
    """The origin's answers break off after this many bytes."""
    flips_byte: int | None = None
    key: tuple[str, ...] = ()
    """What the answer is kept by."""
    """Of each answer's body this byte is another one."""
    believes_claims: bool = False
    """What a client says of its address and host is passed on."""
    hides_viewer: bool = False
    """The edge says its own address in place of the viewer's."""
    mixes_codings: bool = False
    """The cache doesn't tell content codings apart."""
    believes_zstd_claims: bool = False
    loses_zstd: bool = False
    """The origin isn't told of zstd."""
    has_no_etag: bool = False
    never_not_modified: bool = False
    ignores_ranges: bool = False
    mixes_keys: bool = False
    """Private answers are kept, for anybody."""
    fails_each: int | None = None
    """Of so many requests one gets a 502."""
    spoils_each: int | None = None
    """Of so many answers one holds a wrong byte."""
    admits_strangers: bool = False
    """Origins answer whoever calls them."""
    keeps_secret_to_itself: bool = False
    """The edge doesn't send the origin secret."""
    is_no_edge: bool = False
    """Answers don't say what became of the cache."""


@dataclass(frozen=True, slots=True)
class _Kept:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(kw_only=True)
class SmallEdge:
    """The running servers; faults may be set between two requests."""

    service_port: int
    faults: Faults = field(default_factory=Faults)
    edge_url: str = ""
    function_url: str = ""
    gateway_url: str = ""
    viewer: str = "198.51.100.7"
    """The address that all requests are said to come from."""
    cache: dict[tuple[str, ...], _Kept] = field(default_factory=dict)
    closing: threading.Event = field(default_factory=threading.Event)
    turns: Iterator[int] = field(default_factory=lambda: count(1))


@contextmanager
def small_edge(service_port: int) -> Iterator[SmallEdge]:
    """Stand before a service of this machine, which trusts its edge, for the body."""
    edge = SmallEdge(service_port=service_port)
    with ExitStack() as stack:
        stack.callback(edge.closing.set)
        edge.edge_url = stack.enter_context(_serving(_EdgeHandler, edge))
        edge.function_url = stack.enter_context(_serving(_FunctionHandler, edge))
        edge.gateway_url = stack.enter_context(_serving(_GatewayHandler, edge))
        # Servers wait for their requests: one that hangs is let go first.
        stack.callback(edge.closing.set)
        yield edge


@contextmanager
def _serving(kind: "type[_Handler]", edge: SmallEdge) -> Iterator[str]:
    class Handler(kind):  # type: ignore[misc,valid-type]  # its class is a parameter
        small = edge

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing: clients that leave are part of the tests."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            edge.closing.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    small: SmallEdge
    flips_byte: int | None = None
    key: tuple[str, ...] = ()
    """What the answer is kept by."""
    cache: dict[tuple[str, ...], _Kept]
    """What it is kept in: the edge's cache at the time of the request."""
    is_conditional = False
    protocol_version = "HTTP/1.1"

    def parse_request(self) -> bool:
        self.cache = self.small.cache
        return super().parse_request()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's own name
        """Keep quiet."""

    @property
    def faults(self) -> Faults:
        return self.small.faults

    def sent(self) -> dict[str, str]:
        """The request's headers by lower-case names."""
        return {name.lower(): value for name, value in self.headers.items()}

    def refuse(self, status: int) -> None:
        self.whole(_Kept(status, [("content-type", "text/plain")], b"refused"))

    def whole(self, kept: _Kept, *more: tuple[str, str]) -> None:
        """Send an answer that is known in whole."""
        self._head(kept.status, [*kept.headers, *more], length=len(kept.body))
        self.wfile.write(kept.body)

    def passed_on(self, headers: Mapping[str, str], *more: tuple[str, str]) -> None:
        """Ask the service, and send what it sends."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.small.service_port, timeout=_UPSTREAM_SECONDS
        )
        try:
            connection.putrequest("GET", self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in {**headers, "connection": "close"}.items():
                connection.putheader(name, value)
            connection.endheaders()
            self._relayed(connection.getresponse(), more)
        finally:
            connection.close()

    def _relayed(self, answer: http.client.HTTPResponse, more: tuple[tuple[str, str], ...]) -> None:
        faults = self.faults
        headers = [
            (name, value)
            for name, value in answer.getheaders()
            if name.lower() not in _HOP_BY_HOP
            and not (faults.has_no_etag and name.lower() == "etag")
        ]
        length = answer.length
        # A part that ends cleanly can't have been told its length.
        if faults.ends_parts_cleanly or faults.cut_after is not None:
            length = None
            headers = [pair for pair in headers if pair[0].lower() != "content-length"]
        has_body = answer.status not in (204, 304)
        self._head(answer.status, [*headers, *more], length=length if has_body else 0)
        body, last, is_whole = self._poured(answer, is_chunked=length is None)
        is_whole = is_whole and (length in (None, len(body)) or not has_body)
        # Before the client has all of it: what it does next may depend on what is kept.
        if is_whole:
            self.keep(_Kept(answer.status, headers, body))
        elif faults.keeps_parts:
            kept = [pair for pair in headers if pair[0].lower() != "content-length"]
            self.cache[self.key] = _Kept(answer.status, kept, body)
        with suppress(OSError):
            if last:
                self._piece(last, is_chunked=length is None)
            if not is_whole and not faults.ends_parts_cleanly:
                if faults.hangs:
                    self.wfile.flush()
                    self.small.closing.wait()
                self.close_connection = True
                return
            if length is None and has_body:
                self.wfile.write(b"0\r\n\r\n")
            return
        self.close_connection = True

    def _poured(
        self, answer: http.client.HTTPResponse, *, is_chunked: bool
    ) -> tuple[bytes, bytes, bool]:
        """Send a body but for its last piece; give it, that piece, and whether it came whole."""
        cut_after = self.faults.cut_after
        body = bytearray()
        last = b""
        try:
            while piece := answer.read1(_PIECE_BYTES):
                if last:
                    self._piece(last, is_chunked=is_chunked)
                if cut_after is not None:
                    piece = piece[: cut_after - len(body)]
                body += piece
                last = self._spoilt(piece, before=len(body) - len(piece))
                if len(body) == cut_after:
                    return bytes(body), last, False
        except (http.client.HTTPException, OSError):
            self.close_connection = True
            return bytes(body), last, False
        return bytes(body), last, True

    def keep(self, whole: _Kept) -> None:
        """Keep an answer that is whole, where there is a cache."""

    def _spoilt(self, piece: bytes, *, before: int) -> bytes:
        if self.flips_byte is None or not before <= self.flips_byte < before + len(piece):
            return piece
        place = self.flips_byte - before
        return piece[:place] + bytes([piece[place] ^ 1]) + piece[place + 1 :]

    def _piece(self, piece: bytes, *, is_chunked: bool) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece)

    def _head(self, status: int, headers: list[tuple[str, str]], *, length: int | None) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() != "content-length":
                self.send_header(name, value)
        if length is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()


class _EdgeHandler(_Handler):
    """The distribution: what edge/viewer-request.js and template.yaml make of a request."""

    def do_GET(self) -> None:
        faults = self.faults
        turn = next(self.small.turns)
        if faults.fails_each and turn % faults.fails_each == 0:
            self.refuse(502)
            return
        if self.path.startswith("/v1/"):
            self._api()
            return
        sent = self.sent()
        on = self._as_sent_on(sent)
        coding = (
            ""
            if faults.mixes_codings
            else "".join(on.get(name, "-") for name in ("accept-encoding", "x-accept-zstd"))
        )
        self.key = (self.path, coding, "" if faults.mixes_keys else sent.get("x-api-key", ""))
        self.is_conditional = "range" in sent or "if-none-match" in sent
        kept = None if self.is_conditional else self.cache.get(self.key)
        if kept is None and self.faults.keeps_parts and "range" in sent:
            kept = self._cut_from(self.cache.get(self.key))
        said = "Miss from cloudfront" if kept is None else "Hit from cloudfront"
        more = [] if faults.is_no_edge else [("x-cache", said)]
        if kept is not None:
            self.whole(kept, *more)
            return
        self.flips_byte = faults.flips_byte
        if faults.spoils_each and turn % faults.spoils_each == 0:
            self.flips_byte = 3
        self.passed_on(on, *more)

    def keep(self, whole: _Kept) -> None:
        if whole.status == _OK and not self.is_conditional and self._may_keep(whole):
            self.cache[self.key] = whole

    def _as_sent_on(self, sent: dict[str, str]) -> dict[str, str]:
        faults = self.faults
        taken = sent.get("accept-encoding", "")
        on = {"host": "function.example", "accept": sent.get("accept", "*/*")}
        on["x-tenant-host"] = urlsplit(f"//{sent['host']}").hostname or ""
        address = "130.176.0.1" if faults.hides_viewer else self.small.viewer
        on["cloudfront-viewer-address"] = f"{address}:4711"
        if faults.believes_claims:
            claims = ("x-tenant-host", "cloudfront-viewer-address")
            on |= {name: sent[name] for name in claims if name in sent}
        if "gzip" in taken:
            on["accept-encoding"] = "gzip"
        claims_zstd = faults.believes_zstd_claims and "x-accept-zstd" in sent
        if (_takes_zstd(taken) or claims_zstd) and not faults.loses_zstd:
            on["x-accept-zstd"] = "1"
        if not faults.ignores_ranges and "range" in sent:
            on["range"] = sent["range"]
        if not faults.never_not_modified and "if-none-match" in sent:
            on["if-none-match"] = sent["if-none-match"]
        if "x-api-key" in sent:
            on["x-api-key"] = sent["x-api-key"]
        return on

    def _may_keep(self, whole: _Kept) -> bool:
        headers = {name.lower(): value for name, value in whole.headers}
        return self.faults.mixes_keys or "no-store" not in headers.get("cache-control", "")

    def _cut_from(self, kept: _Kept | None) -> _Kept | None:
        """Answer a range from the beginning, as long as it is 100 bytes, out of the cache."""
        if kept is None:
            return None
        told = ("content-range", f"bytes 0-99/{len(kept.body)}")
        return _Kept(206, [*kept.headers, told], kept.body[:100])

    def _api(self) -> None:
        secret = {} if self.faults.keeps_secret_to_itself else {"x-origin-secret": SECRET}
        target = urlsplit(self.small.gateway_url)
        connection = http.client.HTTPConnection(
            "127.0.0.1", cast("int", target.port), timeout=_UPSTREAM_SECONDS
        )
        connection.request("GET", self.path, headers=secret)
        answer = connection.getresponse()
        self.whole(_Kept(answer.status, [("content-type", "text/plain")], answer.read()))
        connection.close()


class _FunctionHandler(_Handler):
    """The Function URL: a signature opens it, and nothing is added to what a caller says."""

    def do_GET(self) -> None:
        sent = self.sent()
        if not (self.faults.admits_strangers or _is_signed(self.small, self.path, sent)):
            self.refuse(_REFUSED)
            return
        self.flips_byte = self.faults.flips_byte
        on = {name: value for name, value in sent.items() if name != "authorization"}
        self.passed_on(on, ("x-amzn-requestid", f"request-{next(self.small.turns)}"))


class _GatewayHandler(_Handler):
    """API Gateway's own address, which the origin secret opens."""

    def do_GET(self) -> None:
        known = self.sent().get("x-origin-secret") == SECRET
        self.refuse(404 if known or self.faults.admits_strangers else _REFUSED)


def _takes_zstd(accepted: str) -> bool:
    return "zstd" in accepted and "zstd;q=0" not in accepted


def _is_signed(small: SmallEdge, path: str, sent: Mapping[str, str]) -> bool:
    """Whether a request bears the signature that its own words and the known key give."""
    authorization = sent.get("authorization", "")
    if "SignedHeaders=" not in authorization or "x-amz-date" not in sent:
        return False
    names = authorization.split("SignedHeaders=")[1].split(",")[0].split(";")
    covered = {name: sent[name] for name in names if name in sent and name != "host"}
    request: Any = AWSRequest(method="GET", url=small.function_url + path, headers=covered)
    request.context["timestamp"] = sent["x-amz-date"]
    auth = SigV4Auth(CREDENTIALS, "lambda", REGION)
    to_sign = auth.string_to_sign(request, auth.canonical_request(request))
    return authorization.endswith(auth.signature(to_sign, request))
