"""Resumable transfer: one representation, fetched in as many answers as it takes."""

import hashlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus

import httpx

from penstock.client.transfer.answers import (
    KnownRepresentation,
    coding_of,
    content_range,
    count_of,
    download_id,
    strong_etag,
    unsatisfied_total,
)
from penstock.client.transfer.connection import Connection, is_hopeless, reason_of
from penstock.client.transfer.failures import refusal, told
from penstock.client.transfer.file_names import name_in_disposition
from penstock.client.transfer.progress import Phase, Progress, Report
from penstock.client.transfer.receipts import NoReceipt, StatedReceipt, ask, doubt
from penstock.client.transfer.retry import RetryPolicy, retry_after_seconds, sentence
from penstock.errors import TransferError

TRIED_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})

Accept = Callable[[KnownRepresentation, bool], None]
"""Told of each usable answer before its bytes; True says that all bytes so far count no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialContent:
    """The part of a representation that is there already, and the digest of just these bytes."""

    known: KnownRepresentation
    position: int
    digest: "hashlib._Hash"


@dataclass(frozen=True, slots=True)
class _Break:
    """Why an answer ended early, and how long the server asks to be left alone."""

    reason: str
    wait_seconds: float | None = None


class ResumableTransfer:
    """The coded bytes of one URL, across broken connections.

    After `pieces` is exhausted, `position` bytes with the digest `sha256` are the whole
    representation that `known` describes, as far as HTTP's own framing can tell.
    """

    def __init__(
        self,
        connection: Connection,
        url: httpx.URL,
        *,
        accept_encoding: str,
        accept: Accept,
        retry: RetryPolicy,
        report: Report,
        begun: PartialContent | None = None,
    ) -> None:
        self._connection = connection
        self._url = url
        self._accept_encoding = accept_encoding
        self._accept = accept
        self._patience = retry
        self._report = report
        self.known = begun.known if begun else KnownRepresentation()
        self.position = begun.position if begun else 0
        self._digest = begun.digest if begun else hashlib.sha256()
        self._origin = url
        self.resumed_times = 0
        self._complete = False
        self._broken = True
        self._stop: int | None = None
        self._skip = 0
        self._failures = 0
        self._furthest = self.position
        self._newest: StatedReceipt | NoReceipt | None = None

    @property
    def sha256(self) -> str:
        """The digest of the coded bytes so far."""
        return self._digest.hexdigest()

    def pieces(self) -> Iterator[bytes]:
        """Yield the coded bytes that are still missing, in order, in pieces as they arrive.

        Lazy: holds one piece. A break is followed by another request, from the first missing byte
        on where the server allows it, after a wait as `RetryPolicy` says.

        Raises TransferError if the server refuses, if an answer doesn't fit the bytes that are
        there, and when it was tried often enough.
        """
        while not self._complete:
            self._tell("connecting" if self.position == 0 else "receiving")
            broken = yield from self._attempt()
            self._broken = broken is not None
            if broken is not None:
                self._wait_after(broken)

    def receipt(self) -> StatedReceipt | NoReceipt:
        """Ask for the receipt that covers the whole representation, the newest answer's first."""
        newest = self._newest_receipt()
        first_id = self.known.first_id
        if doubt(newest) is None or first_id in {None, self.known.last_id}:
            return newest
        first = ask(self._connection, self._origin, str(first_id), self._patience)
        return first if doubt(first) is None else newest

    def _attempt(self) -> Generator[bytes, None, _Break | None]:
        self._newest = None
        headers = {"Accept-Encoding": self._accept_encoding}
        if self.position and self.known.etag:
            headers["Range"] = f"bytes={self.position}-"
            headers["If-Range"] = self.known.etag
            # Offsets count in the coded bytes, so the rest must come in the same coding.
            headers["Accept-Encoding"] = self.known.coding
        try:
            with self._connection.get(self._url, headers) as response:
                broken = self._settle(response, asked_for_range="Range" in headers)
                if broken is None and not self._complete and response.is_success:
                    broken = yield from self._body(response)
        except httpx.TransportError as error:
            if is_hopeless(error) and not self.position:
                raise TransferError(f"{sentence(reason_of(error))}.") from error
            return _Break(reason_of(error))
        if broken is None and self._complete and self.known.total_bytes is None:
            broken = self._unsaid_break()
        return broken

    def _settle(self, response: httpx.Response, *, asked_for_range: bool) -> _Break | None:
        status = response.status_code
        self._origin = response.url
        if status == HTTPStatus.OK:
            self._take_whole(response)
        elif status == HTTPStatus.PARTIAL_CONTENT and asked_for_range:
            self._take_range(response)
        elif status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and asked_for_range:
            if unsatisfied_total(response.headers.get("Content-Range")) == self.position:
                self.known = replace(self.known, total_bytes=self.position)
                self._complete = True
            else:
                self._start_again()
        elif status in TRIED_AGAIN:
            asked = retry_after_seconds(
                response.headers.get("Retry-After"), now=self._patience.now()
            )
            return _Break(told(response), asked)
        else:
            raise refusal(response, self._connection)
        return None

    def _take_whole(self, response: httpx.Response) -> None:
        headers = response.headers
        etag = strong_etag(headers.get("ETag"))
        coding = coding_of(headers.get("Content-Encoding"))
        length = count_of(headers.get("Content-Length"))
        same = etag is not None and (etag, coding) == (self.known.etag, self.known.coding)
        first_id = self.known.first_id
        if self.position and same:
            # The same bytes from their start, as this server has no ranges.
            self._skip = self.position
            self.resumed_times += self._broken
        else:
            self._start_again()
            first_id = None
        answer_id = download_id(headers.get("Download-Id"))
        self.known = KnownRepresentation(
            coding=coding,
            etag=etag,
            total_bytes=length,
            rows=count_of(headers.get("X-Row-Count")),
            file_name=name_in_disposition(headers.get("Content-Disposition")),
            first_id=first_id or answer_id,
            last_id=answer_id,
        )
        self._stop = length
        self._accept(self.known, False)

    def _take_range(self, response: httpx.Response) -> None:
        headers = response.headers
        given = content_range(headers.get("Content-Range"))
        if given is None or given.start != self.position:
            raise TransferError(
                f"The server sent other bytes than the ones from {self.position:,} on: "
                "what is here stays as it was."
            )
        etag = headers.get("ETag")
        # RFC 9110, 15.3.7: the answer to If-Range may leave out what the ETag implies.
        coding = coding_of(headers.get("Content-Encoding", self.known.coding))
        totals = {given.total, self.known.total_bytes} - {None}
        if etag not in {None, self.known.etag} or coding != self.known.coding or len(totals) > 1:
            raise TransferError(
                "The server sent a range of another version than it was asked for: what is here "
                "stays as it was."
            )
        self.known = replace(
            self.known,
            total_bytes=given.total or self.known.total_bytes,
            rows=self.known.rows or count_of(headers.get("X-Row-Count")),
            last_id=download_id(headers.get("Download-Id")) or self.known.last_id,
        )
        self._stop = given.stop
        self._skip = 0
        self.resumed_times += self._broken
        self._accept(self.known, False)

    def _start_again(self) -> None:
        self._accept(self.known, True)
        self.position = 0
        self._skip = 0
        self._digest = hashlib.sha256()

    def _body(self, response: httpx.Response) -> Generator[bytes, None, _Break | None]:
        for arrived in response.iter_raw():
            piece = arrived[self._skip :]
            self._skip -= len(arrived) - len(piece)
            if not piece:
                continue
            if self._stop is not None and self.position + len(piece) > self._stop:
                raise TransferError("The server sent more bytes than it had said.")
            self._digest.update(piece)
            self.position += len(piece)
            yield piece
            self._tell("receiving")
        if self._skip or (self._stop is not None and self.position < self._stop):
            return _Break("the answer ended early")
        ended_whole = response.status_code == HTTPStatus.OK
        self._complete = ended_whole or self.position == self.known.total_bytes
        return None

    def _unsaid_break(self) -> _Break | None:
        """Find the break that no length could show: a proxy may have ended an aborted answer."""
        stated = self._newest_receipt()
        if isinstance(stated, NoReceipt):
            return None
        short = stated.bytes is not None and self.position < stated.bytes
        if stated.state != "aborted" and not short:
            return None
        self._complete = False
        return _Break("the server's receipt says that the answer broke off")

    def _newest_receipt(self) -> StatedReceipt | NoReceipt:
        if self._newest is None:
            self._newest = NoReceipt("the server named no receipt")
            if self.known.last_id is not None:
                self._tell("checking")
                self._newest = ask(
                    self._connection, self._origin, self.known.last_id, self._patience
                )
        return self._newest

    def _wait_after(self, broken: _Break) -> None:
        if self.position > self._furthest:
            self._furthest = self.position
            self._failures = 0
        self._failures += 1
        wait_seconds = self._patience.wait_seconds(
            self._failures, broken.reason, asked=broken.wait_seconds
        )
        reason = broken.reason.rstrip(".")
        self._tell("waiting", f"{reason}; next try in {wait_seconds:.0f} s")
        self._patience.sleep(wait_seconds)

    def _tell(self, phase: Phase, note: str = "") -> None:
        known = self.known
        self._report(
            Progress(
                phase=phase,
                done_bytes=self.position,
                total_bytes=known.total_bytes,
                rows=known.rows,
                note=note,
            )
        )
