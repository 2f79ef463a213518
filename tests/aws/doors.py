"""Doors: ways in to a service, each with one base URL, and what comes back through them."""

import gzip
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pyarrow as pa
from tests.aws.findings import CheckFailedError

_ANSWER_SECONDS = 90

Sign = Callable[[str, str, Mapping[str, str]], dict[str, str]]
"""Gives the headers that a request (method, URL, headers) is to be sent with, a signature's own
among them."""


def unsigned(_method: str, _url: str, headers: Mapping[str, str]) -> dict[str, str]:
    """Send headers as they are."""
    return dict(headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One whole answer; its body is coded as it came."""

    status: int
    headers: httpx.Headers
    body: bytes
    first_byte_seconds: float

    @property
    def decoded(self) -> bytes:
        """The body without its content coding. Raises CheckFailedError if it can't be decoded."""
        coding = self.headers.get("content-encoding", "identity")
        try:
            match coding:
                case "identity":
                    return self.body
                case "gzip":
                    return gzip.decompress(self.body)
                case "zstd":
                    with pa.CompressedInputStream(pa.BufferReader(self.body), "zstd") as stream:
                        return bytes(stream.read())
        except (OSError, EOFError) as error:
            raise CheckFailedError(f"A body that says it is {coding} is not: {error}") from error
        raise CheckFailedError(f"Nobody asked for a body that is coded as {coding}.")

    @property
    def sha256(self) -> str:
        """The digest of the decoded body."""
        return hashlib.sha256(self.decoded).hexdigest()

    @property
    def from_cache(self) -> str:
        """What the edge says of its cache, such as `Miss from cloudfront`; empty if nothing."""
        return str(self.headers.get("x-cache", ""))

    @property
    def is_hit(self) -> bool:
        """Whether the edge says that it had this answer, or a part of it, already."""
        return is_hit(self.from_cache)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A way in. Requests go out over IPv4 and ask for no content coding unless they say so."""

    url: str
    client: httpx.Client
    sign: Sign = unsigned
    always: Mapping[str, str] = field(default_factory=dict)
    """Headers of each request through it."""

    def prepared(
        self, path: str, headers: Mapping[str, str] | None = None, *, method: str = "GET"
    ) -> tuple[str, dict[str, str]]:
        """Give the URL of a path and all headers to send, signed where this door asks for it."""
        url = self.url + path
        given = {"accept": "*/*", "accept-encoding": "identity", **self.always, **(headers or {})}
        return url, self.sign(method, url, given)

    def ask(
        self, path: str, headers: Mapping[str, str] | None = None, *, method: str = "GET"
    ) -> Answer:
        """Ask, and read the whole answer, whatever its status is.

        Raises CheckFailedError if the answer doesn't come to its end.
        """
        url, sent = self.prepared(path, headers, method=method)
        began = time.monotonic()
        try:
            with self.client.stream(method, url, headers=sent) as answer:
                pieces: list[bytes] = []
                first_byte: float | None = None
                for piece in answer.iter_raw():
                    if first_byte is None:
                        first_byte = time.monotonic() - began
                    pieces.append(piece)
        except httpx.TransportError as error:
            raise CheckFailedError(f"{method} {path} got no whole answer: {error!r}") from error
        return Answer(
            status=answer.status_code,
            headers=answer.headers,
            body=b"".join(pieces),
            first_byte_seconds=time.monotonic() - began if first_byte is None else first_byte,
        )


@contextmanager
def opened(url: str, *, at_once: int = 50, **options: Any) -> Iterator[Door]:
    """Open a door for the body; `options` are those of Door."""
    limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once)
    # One family of addresses, so that all requests come from one address.
    transport = httpx.HTTPTransport(local_address="0.0.0.0", limits=limits)
    with httpx.Client(transport=transport, timeout=_ANSWER_SECONDS) as client:
        yield Door(url=url, client=client, **options)


def is_hit(from_cache: str) -> bool:
    """Whether X-Cache tells of an answer out of the cache: `Hit`, `RefreshHit from cloudfront`."""
    return "hit" in from_cache.partition(" ")[0].lower()
