"""The access log: what a request came to, for whoever keeps it.

What people look for is theirs: a record has no filter and no key, nor anything else of a query.
"""

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from starlette.types import Message, Scope

RequestOutcome = Literal["complete", "aborted", "left", "refused", "failed"]
"""`aborted` broke off because of us, `left` because the client did."""

_LONGEST = 200
_KEY = re.compile(r"pk_[a-z0-9]{8}_[A-Za-z0-9_-]*")
_RECEIPTS = "/-/receipts/"
_OF_JOBS = ("/v1/jobs/", "/exports/")
_CLIENT_ERROR = 400
_SERVER_ERROR = 500

_log = logging.getLogger("penstock.web")


@dataclass(slots=True, kw_only=True)
class RequestRecord:
    """One request, filled in while it is answered; sizes are bytes on the wire, without headers.

    `dataset` and `format` are as they stand in the path. `rows` were written, `rows_expected` were
    told to the client beforehand; both are None where they don't apply.
    """

    method: str
    path: str
    request_id: str | None = None
    trace_id: str | None = None
    began: float = field(default_factory=time.monotonic)
    tenant: str | None = None
    has_key: bool = False
    dataset: str | None = None
    format: str | None = None
    problem: str | None = None
    rows: int | None = None
    rows_expected: int | None = None
    status: int = 0
    size_bytes: int = 0
    coding: str | None = None
    etag: str | None = None
    seconds: float = 0.0
    first_byte_seconds: float | None = None
    is_whole: bool = False

    def saw(self, message: Message) -> None:
        """Note a message of the answer, once it was sent."""
        if message["type"] == "http.response.start":
            headers = dict(message["headers"])
            self.status = message["status"]
            self.coding = _text(headers.get(b"content-encoding"))
            self.etag = _text(headers.get(b"etag"))
            count = headers.get(b"x-row-count", b"")
            if self.status == 200 and count.isdigit():  # noqa: PLR2004 - the status of a whole
                self.rows_expected = int(count)
            return
        if self.first_byte_seconds is None:
            self.first_byte_seconds = time.monotonic() - self.began
        self.size_bytes += len(message.get("body", b""))
        self.is_whole = not message.get("more_body", False)

    def close(self) -> None:
        """Note that nothing more is sent."""
        self.seconds = time.monotonic() - self.began

    @property
    def shown_path(self) -> str:
        """The path as `shown`, without ids that open something.

        Those are a receipt's, and that of a job which a visitor without a key began.
        """
        hidden = (_RECEIPTS,) if self.has_key else (_RECEIPTS, *_OF_JOBS)
        return shown(next((each for each in hidden if self.path.startswith(each)), self.path))

    @property
    def outcome(self) -> RequestOutcome:
        """How it ended."""
        if not self.is_whole:
            return "left" if self.problem is None else "aborted"
        if self.status >= _SERVER_ERROR:
            return "failed"
        return "refused" if self.status >= _CLIENT_ERROR else "complete"

    @property
    def has_other_rows(self) -> bool:
        """Whether a whole answer holds other rows than were told: the service errs."""
        return (
            self.outcome == "complete"
            and self.method == "GET"
            and None not in (self.rows, self.rows_expected)
            and self.rows != self.rows_expected
        )


def shown(text: str) -> str:
    """Give a client's text for a log: short, in ASCII, on one line, and without keys.

    What stands behind a question mark that was written as `%3F` was meant as a query.
    """
    return ascii(_KEY.sub("pk_...", text.partition("?")[0])[:_LONGEST])[1:-1]


def record_of(scope: Scope) -> RequestRecord:
    """Give the record that the middleware opened for a request."""
    record = scope["penstock.record"]
    if not isinstance(record, RequestRecord):
        raise TypeError("a request has no record before its front")
    return record


Keep = Callable[[RequestRecord], None]
"""Keeps the record of a request that has ended."""


def as_a_line(record: RequestRecord) -> None:
    """Log one line for people."""
    _log.info(
        "%s %s %s %d %d bytes %.0f ms%s",
        record.tenant or "-",
        record.method,
        record.shown_path,
        record.status,
        record.size_bytes,
        record.seconds * 1000,
        f" {record.outcome}" if record.outcome in {"aborted", "left"} else "",
    )


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
