"""Rows answer: an answer made by reading rows, streamed or from a spool."""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from penstock.errors import QueryTimeoutError, ResponseTooLargeError
from penstock.model.slice import Position
from penstock.reading.budget import within_bytes
from penstock.reading.encoded import AnswerCaps
from penstock.reading.engine import Allowance
from penstock.reading.reader import Pace
from penstock.web.answers import Answer, StreamedBody
from penstock.web.downloads.dataset_request import DatasetRequest, OpenedDataset
from penstock.web.downloads.encoded_read import EncodedRead, StartedRead, exactly, new_read
from penstock.web.downloads.page_link import page_url
from penstock.web.downloads.paging import HeldPage, following_unread, known_rows
from penstock.web.downloads.receipts import OpenReceipt, WholeRepresentation, open_receipt
from penstock.web.downloads.spools import Overflow, Spool
from penstock.web.http.conditional import range_still_fits
from penstock.web.http.parts import AskedRanges, part_of
from penstock.web.http.ranges import ByteRange, parse_ranges, within
from penstock.web.http.representation import Representation
from penstock.web.resources import Resources


@dataclass(slots=True)
class RowsAnswer:
    """An answer that is made by reading rows."""

    resources: Resources
    request: DatasetRequest
    opened: OpenedDataset
    shown: Representation
    caps: AnswerCaps
    allowance: Allowance
    receipt: OpenReceipt
    begun: StartedRead | None
    page: HeldPage | None
    known: Future[WholeRepresentation | None]
    ranges: AskedRanges | None = field(init=False, default=None)
    primed: EncodedRead | None = field(init=False, default=None)
    following: Position | None = field(init=False, default=None)

    def answer(self) -> Answer:
        """Choose how: from a spool if a length is needed and the result is small, else streamed.

        A length is needed for ranges, by HTTP/1.0, and by readers of Parquet, who begin at its end.
        """
        # Before the read holds a slot: a count that waits for another one could wait for itself.
        self.following = self._following()
        spools = self.resources.spools
        spool = spools.find(self.request.tenant, self.shown.etag)
        if spool is not None:
            return self._from_spool(spool)
        self.ranges = self._asked_ranges()
        if self.begun is not None:
            # While that is still looked up.
            self.primed = self._new_read()
            self.primed.prime()
        whole = self.known.result()
        needs_length = (
            self.request.is_http10
            or self.ranges is not None
            or self.page is not None
            or self.opened.written.extension == "parquet"
        )
        if whole is not None and spools.is_too_small_for(whole.size_bytes):
            needs_length = self.request.is_http10
        if needs_length:
            encoded_read = self._new_read()
            built = spools.build(encoded_read.pieces, unbounded=self.request.is_http10)
            if isinstance(built, Spool):
                built.whole = encoded_read.whole()
                if self.shown.is_reproducible:
                    spools.keep(self.request.tenant, self.shown.etag, built)
                return self._from_spool(built)
            if self.ranges is None:
                return self._streamed(encoded_read, built)
            whole = self._counted(encoded_read, built)
            if whole is None:
                return self._streamed(self._new_read(), resumable=False)
        if self.ranges is not None and whole is not None and len(self.ranges) == 1:
            return self._ranged(whole, self.ranges)
        return self._streamed(self._new_read(), whole=whole)

    def _following(self) -> Position | None:
        if self.page is not None:
            return self.page.following
        return following_unread(self.resources.reader, self.opened.dataset, self.opened.query.slice)

    def _asked_ranges(self) -> AskedRanges | None:
        if self.request.is_head or not self.shown.is_reproducible:
            return None
        if not range_still_fits(
            self.request.headers.get("if-range"),
            etag=self.shown.etag,
            modified=self.opened.dataset.modified,
        ):
            return None
        return parse_ranges(self.request.headers.get("range"))

    def _new_read(self) -> EncodedRead:
        primed, self.primed = self.primed, None
        begun, self.begun = self.begun, None
        return primed or new_read(
            self.resources.reader,
            self.opened,
            begun=begun,
            page=self.page,
            coding=self.shown.coding,
            allowance=self.allowance,
            caps=self.caps,
        )

    def _exactly(
        self, pieces: Generator[bytes], only: ByteRange, whole: WholeRepresentation
    ) -> Iterator[bytes]:
        return exactly(
            pieces,
            only,
            length=whole.size_bytes,
            dataset=self.opened.dataset.name,
            allowance=self.allowance,
        )

    def _counted(self, encoded_read: EncodedRead, built: Overflow) -> WholeRepresentation | None:
        """Read to the end to learn the length; None where that takes longer than a query may."""
        try:
            for _ in built.pieces:
                pass
        except QueryTimeoutError:
            return None
        receipts = self.resources.ports.receipts
        open_receipt(
            receipts, self.shown, now=self.resources.now, known=encoded_read.whole
        ).complete()
        return encoded_read.whole()

    def _headers(self) -> dict[str, str]:
        headers = self.shown.headers()
        rows = self.page.rows if self.page else self._footer_rows()
        if rows is not None:
            headers["x-row-count"] = str(rows)
        if self.following is not None:
            url = page_url(self.opened, self.following, url_bytes=self.resources.url_bytes)
            headers["link"] = f'<{url}>; rel="next"'
        return headers

    def _footer_rows(self) -> int | None:
        return known_rows(self.opened.dataset, self.opened.query.slice)

    def _from_spool(self, spool: Spool) -> Answer:
        whole = spool.whole
        part = part_of(
            spool.read,
            length=spool.size_bytes,
            media_type=self.opened.written.media_type,
            ranges=self._asked_ranges(),
        )
        headers = self._headers() | part.headers
        if whole is not None:
            headers["x-row-count"] = str(whole.rows)
        if not self.shown.is_reproducible:
            del headers["accept-ranges"]
        return self._sent(part.status, headers, lambda _: part.pieces(), lambda: whole)

    def _ranged(self, whole: WholeRepresentation, ranges: AskedRanges) -> Answer:
        """Make the answer again and send the asked bytes of it."""
        only = within(ranges, length=whole.size_bytes)[0]
        headers = self._headers() | {
            "content-length": str(only.stop - only.start),
            "content-range": only.content_range(whole.size_bytes),
            "accept-ranges": "bytes",
            "x-row-count": str(whole.rows),
        }
        encoded_read = self._new_read()

        def pieces(pace: Pace) -> Iterator[bytes]:
            encoded_read.pace.client = pace
            return self._exactly(encoded_read.pieces, only, whole)

        return self._sent(206, headers, pieces, lambda: whole)

    def _streamed(
        self,
        encoded_read: EncodedRead,
        built: Overflow | None = None,
        *,
        whole: WholeRepresentation | None = None,
        resumable: bool = True,
    ) -> Answer:
        headers = self._headers()
        if resumable and self.shown.is_reproducible:
            headers["accept-ranges"] = "bytes"
        if whole is not None:
            headers["content-length"] = str(whole.size_bytes)
            headers["x-row-count"] = str(whole.rows)

        def pieces(pace: Pace) -> Iterator[bytes]:
            encoded_read.pace.client = pace
            source = encoded_read.pieces if built is None else built.pieces
            if whole is None:
                return source
            return self._exactly(source, ByteRange(0, whole.size_bytes), whole)

        return self._sent(200, headers, pieces, encoded_read.whole)

    def _sent(
        self,
        status: int,
        headers: dict[str, str],
        pieces: Callable[[Pace], Iterator[bytes]],
        known: Callable[[], WholeRepresentation | None],
    ) -> Answer:
        most = self.caps.wire_bytes
        size = headers.get("content-length")
        if most is not None and size is not None and int(size) > most:
            raise ResponseTooLargeError(limit=most, estimated=int(size), unit="bytes")
        if self.request.is_head:
            return Answer(status=status, headers=headers)

        def rows() -> int | None:
            whole = known() if status == HTTPStatus.OK else None
            return None if whole is None else whole.rows

        receipt = replace(self.receipt, known=known)
        return Answer(
            status=status,
            headers=headers | {"download-id": receipt.receipt.id},
            body=StreamedBody(
                pieces=lambda pace: _bounded(pieces(pace), most),
                allowance=self.allowance,
                begin=receipt.begin,
                complete=receipt.complete,
                aborted=receipt.aborted,
                rows=rows,
            ),
        )


def _bounded(pieces: Iterator[bytes], most: int | None) -> Iterator[bytes]:
    """End pieces before they are more than the connection takes: it would cut them off."""
    try:
        yield from within_bytes(pieces, max_bytes=most)
    finally:
        if isinstance(pieces, Generator):
            pieces.close()
