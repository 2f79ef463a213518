"""Calls: requests to the JSON API of one service, tried again where that can help."""

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import httpx

from penstock.client.transfer.answers import coding_of
from penstock.client.transfer.coding import decoded
from penstock.client.transfer.connection import is_hopeless, origin_of, reason_of, usable_url
from penstock.client.transfer.failures import problem_of, refusal, told
from penstock.client.transfer.options import DownloadOptions
from penstock.client.transfer.progress import Progress
from penstock.client.transfer.resumable import TRIED_AGAIN
from penstock.client.transfer.retry import retry_after_seconds, sentence
from penstock.errors import TransferError
from penstock.model.clock import utc_now

MOST_BYTES = 16 << 20
"""How much of an answer is read; a job in a list has a few hundred bytes."""

_HEADERS = {"Accept-Encoding": "identity"}
_PENDING = "urn:penstock:problem:idempotency-pending"
"""The request that came before with this Idempotency-Key isn't answered yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAnswer:
    """What an answer says; `body` is None where it has none."""

    body: Any
    headers: Mapping[str, str]
    is_unchanged: bool
    """Whether what was known already still holds (304)."""
    at: datetime
    """By the server's clock, so that an age doesn't depend on this machine's."""

    @property
    def wait_seconds(self) -> float | None:
        """How long the server asks to be left alone (Retry-After)."""
        return retry_after_seconds(self.headers.get("Retry-After"), now=self.at)


class ApiCalls:
    """Calls to one service, one after the other; use it as a context manager.

    `options` gives the key, how often is tried again, and who is told why it waits.
    """

    def __init__(self, url: str, *, options: DownloadOptions) -> None:
        """Remember where to ask. Raises SetupError if `url` is no usable URL, or the key no key."""
        address = usable_url(url)
        self.origin = origin_of(address)
        self._options = options
        self._connection = options.connect(address)
        self._was_answered = False

    def __enter__(self) -> Self:
        self._connection.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.__exit__(kind, error, trace)

    def ask(self, path: str, *, etag: str | None = None, **query: str | int | None) -> ApiAnswer:
        """Ask for what `path` holds, with what is not None of `query`.

        With `etag` the answer may be that nothing has changed. Raises TransferError as `tell` does.
        """
        given = {name: str(value) for name, value in query.items() if value is not None}
        headers = dict(_HEADERS) if etag is None else {**_HEADERS, "If-None-Match": etag}
        return self._patiently(lambda: self._connection.get(self._url(path, given), headers))

    def tell(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> ApiAnswer:
        """Send a request that may arrive more than once: what it does must be done once only.

        A break, a 5xx and a 429 are followed by another try, after a wait as `RetryPolicy` says.
        The first of all requests must get a connection at once: who named a wrong URL hears of it.

        Raises TransferError if the server refuses (its facts are the `status`, and the `tries` it
        took), when it was tried often enough, and where the answer is no JSON.
        """
        sent = {**_HEADERS, **(headers or {})}
        content = b""
        if body is not None:
            sent["Content-Type"] = "application/json"
            content = json.dumps(body, ensure_ascii=False).encode()
        return self._patiently(
            lambda: self._connection.change(method, self._url(path), sent, content=content)
        )

    def _url(self, path: str, query: Mapping[str, str] | None = None) -> httpx.URL:
        return httpx.URL(self.origin).copy_with(path=path, params=query or None)

    def _patiently(self, opened: Callable[[], AbstractContextManager[httpx.Response]]) -> ApiAnswer:
        retry = self._options.retry
        failures = 0
        while True:
            asked: float | None = None
            try:
                with opened() as response:
                    self._was_answered = True
                    reason = self._what_hinders(response, tries=failures + 1)
                    if reason is None:
                        return _said(response)
                    asked = retry_after_seconds(
                        response.headers.get("Retry-After"), now=retry.now()
                    )
            except httpx.TransportError as error:
                reason = reason_of(error)
                is_vain = isinstance(error, httpx.ConnectError) and not self._was_answered
                if is_vain or is_hopeless(error):
                    raise TransferError(f"{sentence(reason)}: {self.origin}.") from error
            failures += 1
            wait_seconds = retry.wait_seconds(failures, reason, asked=asked)
            self._options.report(
                Progress(
                    phase="waiting",
                    done_bytes=0,
                    note=f"{reason.rstrip('.')}; next try in {wait_seconds:.0f} s",
                )
            )
            retry.sleep(wait_seconds)

    def _what_hinders(self, response: httpx.Response, *, tries: int) -> str | None:
        """Say why to try again; None where the answer is what was asked for."""
        if response.is_success or response.status_code == HTTPStatus.NOT_MODIFIED:
            return None
        problem = problem_of(response)
        if response.status_code in TRIED_AGAIN or problem.get("type") == _PENDING:
            return told(response, problem)
        refused = refusal(response, self._connection, problem)
        raise TransferError(refused.detail, **refused.facts, tries=tries)


def _said(response: httpx.Response) -> ApiAnswer:
    body = bytearray()
    for piece in decoded(response.iter_raw(), coding_of(response.headers.get("Content-Encoding"))):
        body += piece
        if len(body) > MOST_BYTES:
            raise TransferError("The server's answer is too long.")
    try:
        found = json.loads(body) if body else None
    except (ValueError, RecursionError) as error:
        raise TransferError("The server's answer is no JSON: is this Penstock?") from error
    return ApiAnswer(
        body=found,
        headers=response.headers,
        is_unchanged=response.status_code == HTTPStatus.NOT_MODIFIED,
        at=_time_of(response.headers.get("Date")),
    )


def _time_of(date: str | None) -> datetime:
    try:
        told_time = parsedate_to_datetime(date or "")
    except (ValueError, OverflowError):
        return utc_now()
    return told_time if told_time.tzinfo is not None else told_time.replace(tzinfo=UTC)
