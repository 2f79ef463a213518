"""Downloads: `/{dataset}.{format}?{query}` as an answer."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

from penstock.errors import DatasetChangedError, QueryTimeoutError
from penstock.model.slice import AfterKeys, AfterRows, Position
from penstock.reading.ahead import ahead
from penstock.reading.encoded import Caps, Tally, encode_batches, encoded, text_types
from penstock.reading.engine import Allowance
from penstock.reading.estimate import refuse_if_too_large
from penstock.reading.scan import Pace
from penstock.web.answers import Answer, Streamed
from penstock.web.asked import Asked, Opened, open_download
from penstock.web.coding import coded, negotiate
from penstock.web.conditional import is_not_modified, range_still_fits
from penstock.web.paging import HeldPage, following_unread, known_rows, read_page
from penstock.web.parts import AskedRanges, part_of
from penstock.web.ranges import ByteRange, parse_ranges, within
from penstock.web.receipts import Whole, open_receipt, whole_of
from penstock.web.representation import Representation
from penstock.web.resources import Resources
from penstock.web.spools import Overflow, Spool
from penstock.web.stored import stored_answer

_PIECES_AHEAD = 1


def download(resources: Resources, asked: Asked, *, allowance: Allowance) -> Answer:
    """Answer a download, up to its first byte; may read a page or a spool's worth of rows.

    Raises the errors of every step: who asks, what for, whether it fits.
    """
    opened = open_download(resources, asked)
    coding = negotiate(asked.headers.get("accept-encoding"), worthwhile=opened.written.compressible)
    shown = Representation(
        dataset=opened.dataset, written=opened.written, query=opened.query, coding=coding
    )
    if is_not_modified(
        if_none_match=asked.headers.get("if-none-match"),
        if_modified_since=asked.headers.get("if-modified-since"),
        etag=shown.etag,
        modified=opened.dataset.modified,
    ):
        return Answer(status=304, headers=shown.validators())
    caps = _caps(resources, asked)
    if shown.is_stored:
        return stored_answer(resources, asked, shown, caps=caps, allowance=allowance)
    refuse_if_too_large(
        resources.reader,
        opened.dataset,
        opened.query.slice,
        written=opened.written,
        style=opened.query.style,
        caps=caps,
        allowance=allowance,
    )
    page = read_page(
        resources.reader,
        opened.dataset,
        opened.query.slice,
        text=text_types(opened.written),
        allowance=allowance,
    )
    return _Made(resources, asked, opened, shown, caps, allowance, page).answer()


def _caps(resources: Resources, asked: Asked) -> Caps:
    own = asked.asker.tenant.caps
    size = own.response_bytes if own.response_bytes is not None else resources.response_bytes
    return Caps(rows=own.response_rows, size_bytes=size)


class _LatePace:
    """The pace of a client that isn't connected yet: at once, until it is."""

    def __init__(self) -> None:
        self.client: Pace | None = None

    def is_slow(self) -> bool:
        return self.client is not None and self.client.is_slow()

    def wait(self) -> None:
        if self.client is not None:
            self.client.wait()


@dataclass(slots=True)
class _Making:
    """One run of the read: its pieces as coded, and the tallies that they fill on their way."""

    pieces: Generator[bytes]
    pace: _LatePace
    identity: Tally
    sent: Tally

    def whole(self) -> Whole:
        """Say what went by; true of the whole representation once the pieces are at their end."""
        return Whole(
            rows=self.identity.rows,
            size_bytes=self.sent.size_bytes,
            sha256=self.sent.sha256.hexdigest(),
            identity_bytes=self.identity.size_bytes,
            identity_sha256=self.identity.sha256.hexdigest(),
        )


@dataclass(slots=True)
class _Made:
    """An answer that is made by reading rows."""

    resources: Resources
    asked: Asked
    opened: Opened
    shown: Representation
    caps: Caps
    allowance: Allowance
    page: HeldPage | None
    ranges: AskedRanges | None = field(init=False, default=None)
    following: Position | None = field(init=False, default=None)

    def answer(self) -> Answer:
        """Choose how: from a spool if a length is needed and the result is small, else streamed.

        A length is needed for ranges, by HTTP/1.0, and by readers of Parquet, who begin at its end.
        """
        # Before the read holds a slot: a count that waits for another one could wait for itself.
        self.following = self._following()
        spools = self.resources.spools
        spool = spools.find(self.asked.tenant, self.shown.etag)
        if spool is not None:
            return self._from_spool(spool)
        self.ranges = self._asked_ranges()
        whole = self._known_whole()
        needs_length = (
            self.asked.is_http10
            or self.ranges is not None
            or self.page is not None
            or self.opened.written.extension == "parquet"
        )
        if whole is not None and spools.is_too_small_for(whole.size_bytes):
            needs_length = self.asked.is_http10
        if needs_length:
            making = self._making()
            built = spools.build(making.pieces, unbounded=self.asked.is_http10)
            if isinstance(built, Spool):
                built.whole = making.whole()
                if self.shown.is_reproducible:
                    spools.keep(self.asked.tenant, self.shown.etag, built)
                return self._from_spool(built)
            if self.ranges is None:
                return self._streamed(making, built)
            whole = self._counted(making, built)
            if whole is None:
                return self._streamed(self._making(), resumable=False)
        if self.ranges is not None and whole is not None and len(self.ranges) == 1:
            return self._ranged(whole, self.ranges)
        return self._streamed(self._making(), whole=whole)

    def _following(self) -> Position | None:
        if self.page is not None:
            return self.page.following
        return following_unread(self.resources.reader, self.opened.dataset, self.opened.query.slice)

    def _asked_ranges(self) -> AskedRanges | None:
        if self.asked.is_head or not self.shown.is_reproducible:
            return None
        if not range_still_fits(
            self.asked.headers.get("if-range"),
            etag=self.shown.etag,
            modified=self.opened.dataset.modified,
        ):
            return None
        return parse_ranges(self.asked.headers.get("range"))

    def _known_whole(self) -> Whole | None:
        if not self.shown.is_reproducible:
            return None
        receipts = self.resources.ports.receipts
        return whole_of(receipts.completed(self.asked.tenant, self.shown.etag))

    def _making(self) -> _Making:
        """Set the read up; nothing is read until its first piece is asked for."""
        identity = Tally()
        pace = _LatePace()
        query, written = self.opened.query, self.opened.written
        if self.page is not None:
            pieces = encode_batches(
                self.page.batches,
                written=written,
                style=query.style,
                reader=self.resources.reader,
                pace=pace,
                tally=identity,
                caps=self.caps,
            )
        else:
            pieces = encoded(
                self.resources.reader,
                self.opened.dataset,
                query.slice,
                written=written,
                style=query.style,
                allowance=self.allowance,
                pace=pace,
                tally=identity,
                caps=self.caps,
            )
        if self.shown.coding == "identity":
            return _Making(pieces, pace, identity, identity)
        sent = Tally()
        return _Making(self._coded(pieces, sent), pace, identity, sent)

    def _coded(self, pieces: Iterator[bytes], sent: Tally) -> Generator[bytes]:
        """Compress in a thread beside the one that encodes."""
        side_by_side = ahead(pieces, depth=_PIECES_AHEAD)
        try:
            yield from sent.counted(coded(side_by_side, self.shown.coding))
        finally:
            side_by_side.close()

    def _counted(self, making: _Making, built: Overflow) -> Whole | None:
        """Read to the end to learn the length; None where that takes longer than a query may."""
        try:
            for _ in built.pieces:
                pass
        except QueryTimeoutError:
            return None
        receipts = self.resources.ports.receipts
        open_receipt(receipts, self.shown, now=self.resources.now, known=making.whole).complete()
        return making.whole()

    def _headers(self) -> dict[str, str]:
        headers = self.shown.headers()
        rows = self.page.rows if self.page else self._footer_rows()
        if rows is not None:
            headers["x-row-count"] = str(rows)
        if self.following is not None:
            headers["link"] = f'<{self._page_url(self.following)}>; rel="next"'
        return headers

    def _footer_rows(self) -> int | None:
        return known_rows(self.opened.dataset, self.opened.query.slice)

    def _page_url(self, following: Position) -> str:
        url = self._url_of(following)
        if len(url) > self.resources.url_bytes and isinstance(following, AfterKeys):
            # Sort keys of long text would make a URL that is then refused: count rows instead.
            return self._url_of(AfterRows(following.rows))
        return url

    def _url_of(self, following: Position) -> str:
        query = self.opened.query
        token = self.opened.cursors.encode(
            following, canonical_without_page=query.canonical_without_page
        )
        base = f"{query.canonical_without_page}&" if query.canonical_without_page else ""
        page = f"_limit={query.slice.page.limit}&_cursor={token}"
        # The next page needs what opened this one: the version it is of, and the signature.
        if query.version is not None:
            page += f"&_version={query.version}"
        if query.claim is not None:
            claim = query.claim
            page += f"&_expires={claim.expires}&_kid={claim.key_id}&_sig={claim.signature}"
        return f"/{self.opened.dataset.name}.{self.opened.written.extension}?{base}{page}"

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

    def _ranged(self, whole: Whole, ranges: AskedRanges) -> Answer:
        """Make the answer again and send the asked bytes of it."""
        only = within(ranges, length=whole.size_bytes)[0]
        headers = self._headers() | {
            "content-length": str(only.stop - only.start),
            "content-range": only.content_range(whole.size_bytes),
            "accept-ranges": "bytes",
            "x-row-count": str(whole.rows),
        }
        making = self._making()

        def pieces(pace: Pace) -> Iterator[bytes]:
            making.pace.client = pace
            return self._exactly(making.pieces, only, length=whole.size_bytes)

        return self._sent(206, headers, pieces, lambda: whole)

    def _streamed(
        self,
        making: _Making,
        built: Overflow | None = None,
        *,
        whole: Whole | None = None,
        resumable: bool = True,
    ) -> Answer:
        headers = self._headers()
        if resumable and self.shown.is_reproducible:
            headers["accept-ranges"] = "bytes"
        if whole is not None:
            headers["content-length"] = str(whole.size_bytes)
            headers["x-row-count"] = str(whole.rows)

        def pieces(pace: Pace) -> Iterator[bytes]:
            making.pace.client = pace
            source = making.pieces if built is None else built.pieces
            if whole is None:
                return source
            everything = ByteRange(0, whole.size_bytes)
            return self._exactly(source, everything, length=whole.size_bytes)

        return self._sent(200, headers, pieces, making.whole)

    def _exactly(
        self, pieces: Generator[bytes], only: ByteRange, *, length: int
    ) -> Iterator[bytes]:
        """Pass on one range of pieces that are to be `length` bytes together.

        What ends there is given last, once it is known that nothing follows: a length that was
        promised from an earlier answer never cuts this one short. Raises DatasetChangedError.
        """
        place = 0
        last = b""
        try:
            for piece in pieces:
                cut = piece[max(0, only.start - place) : max(0, only.stop - place)]
                place += len(piece)
                if place > length:
                    break
                if place == length:
                    last = last or cut
                elif cut:
                    yield cut
                if only.stop <= place and only.stop < length:
                    break
        finally:
            # A query that still looks for what lies behind is ended, not awaited.
            self.allowance.cancel()
            pieces.close()
        if place < only.stop or place > length:
            raise DatasetChangedError(self.opened.dataset.name)
        if last:
            yield last

    def _sent(
        self,
        status: int,
        headers: dict[str, str],
        pieces: Callable[[Pace], Iterator[bytes]],
        known: Callable[[], Whole | None],
    ) -> Answer:
        if self.asked.is_head:
            return Answer(status=status, headers=headers)
        receipt = open_receipt(
            self.resources.ports.receipts, self.shown, now=self.resources.now, known=known
        )
        return Answer(
            status=status,
            headers=headers | {"download-id": receipt.receipt.id},
            body=Streamed(
                pieces=pieces,
                allowance=self.allowance,
                complete=receipt.complete,
                aborted=receipt.aborted,
            ),
        )
