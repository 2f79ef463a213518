"""Answers: what a request comes to, before it is sent."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from penstock.reading.engine import Allowance
from penstock.reading.reader import Pace

EXPOSED_HEADERS = (
    "Accept-Ranges, Content-Disposition, Content-Range, Download-Id, ETag, Link, "
    "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, X-Row-Count"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamedBody:
    """A body that is made while it is sent.

    `pieces` is called in a thread of its own; its iterator ends cleanly only if the body is whole.
    `allowance` ends its queries when the client leaves. `begin` is called beside the first piece,
    and is done before the status is sent; `complete` once every piece was handed to the socket,
    `aborted` when that didn't happen. `rows` tells, afterwards, how many rows
    a whole body holds; None if it holds a part.
    """

    pieces: Callable[[Pace], Iterator[bytes]]
    allowance: Allowance
    begin: Callable[[], None]
    complete: Callable[[], None]
    aborted: Callable[[], None]
    rows: Callable[[], int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A status, headers and a body; an answer to HEAD has its headers alone."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | StreamedBody = b""


def public_headers(*, private: bool) -> dict[str, str]:
    """Give what lets pages of any origin read a public answer, and nothing for a private one."""
    if private:
        return {}
    return {
        "access-control-allow-origin": "*",
        "access-control-expose-headers": EXPOSED_HEADERS,
    }


def cache_control(*, private: bool, whole: bool) -> str:
    """Say who may keep an answer: a browser for a minute, an edge for longer, nobody a private one.

    A whole dataset may stay at the edge for an hour, a filtered one for five minutes, where nobody
    invalidates them there.
    """
    if private:
        return "private, no-store"
    shared = 3600 if whole else 300
    return f"public, max-age=60, s-maxage={shared}, must-revalidate"
