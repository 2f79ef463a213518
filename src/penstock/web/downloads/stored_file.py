"""Stored file: a one-file Parquet dataset sent as it is stored, whole or in byte ranges."""

from collections.abc import Iterator
from http import HTTPStatus

from penstock.errors import ResponseTooLargeError
from penstock.reading.encoded import AnswerCaps
from penstock.reading.engine import Allowance
from penstock.reading.reader import Pace
from penstock.reading.tally import Tally
from penstock.web.answers import Answer, StreamedBody
from penstock.web.downloads.dataset_request import DatasetRequest
from penstock.web.downloads.receipts import WholeRepresentation, known_whole, open_receipt
from penstock.web.http.conditional import range_still_fits
from penstock.web.http.parts import part_of
from penstock.web.http.ranges import parse_ranges
from penstock.web.http.representation import Representation
from penstock.web.resources import Resources

_LINK_SECONDS = 300


def stored_answer(
    resources: Resources,
    request: DatasetRequest,
    shown: Representation,
    *,
    caps: AnswerCaps,
    allowance: Allowance,
) -> Answer:
    """Answer with the stored object, or ranges of it; no row is read.

    What is too much for the connection can be had from the object's own place, if it has one: the
    asker is sent there if they said that they follow (`_redirect=1`), and told of it if not. That
    place is open for five minutes, and no longer than a signed URL that it was asked for with.

    Raises ResponseTooLargeError, RangeNotSatisfiableError and what `Blobs.link` raises.
    """
    file = shown.dataset.files[0]
    _refuse_if_too_large(shown, caps)
    ranges = None
    if not request.is_head and range_still_fits(
        request.headers.get("if-range"), etag=shown.etag, modified=shown.dataset.modified
    ):
        ranges = parse_ranges(request.headers.get("range"))

    def read(start: int, stop: int) -> Iterator[bytes]:
        return resources.ports.blobs.read(file, start=start, stop=stop)

    part = part_of(read, length=file.size_bytes, media_type=shown.written.media_type, ranges=ranges)
    size = int(part.headers["content-length"])
    if caps.wire_bytes is not None and size > caps.wire_bytes:
        link = resources.ports.blobs.link(
            file, file_name=shown.file_name, seconds=_link_seconds(resources, shown)
        )
        if link is None or not shown.query.delivery.redirect:
            raise ResponseTooLargeError(
                limit=caps.wire_bytes, estimated=size, unit="bytes", object_url=link
            )
        return Answer(status=307, headers={"location": link, "cache-control": "no-store"})
    headers = shown.headers() | {"x-row-count": str(shown.dataset.rows)} | part.headers
    if request.is_head:
        return Answer(status=part.status, headers=headers)
    receipts = resources.ports.receipts
    before = known_whole(receipts, shown)
    sent = Tally()

    def known() -> WholeRepresentation | None:
        if part.status != HTTPStatus.OK:
            return before
        digest = sent.sha256.hexdigest()
        return WholeRepresentation(
            rows=shown.dataset.rows,
            size_bytes=sent.size_bytes,
            sha256=digest,
            identity_bytes=sent.size_bytes,
            identity_sha256=digest,
        )

    receipt = open_receipt(receipts, shown, now=resources.now, known=known)

    def pieces(_pace: Pace) -> Iterator[bytes]:
        return sent.counted(part.pieces())

    return Answer(
        status=part.status,
        headers=headers | {"download-id": receipt.receipt.id},
        body=StreamedBody(
            pieces=pieces,
            allowance=allowance,
            begin=receipt.begin,
            complete=receipt.complete,
            aborted=receipt.aborted,
            rows=lambda: shown.dataset.rows if part.status == HTTPStatus.OK else None,
        ),
    )


def _link_seconds(resources: Resources, shown: Representation) -> int:
    claim = shown.query.claim
    if claim is None:
        return _LINK_SECONDS
    # One that ended meanwhile was good when it was asked for; a URL is good for a second at least.
    return max(1, min(_LINK_SECONDS, claim.expires - int(resources.now().timestamp())))


def _refuse_if_too_large(shown: Representation, caps: AnswerCaps) -> None:
    size = shown.dataset.size_bytes
    if caps.size_bytes is not None and size > caps.size_bytes:
        raise ResponseTooLargeError(limit=caps.size_bytes, estimated=size, unit="bytes")
    if caps.rows is not None and shown.dataset.rows > caps.rows:
        raise ResponseTooLargeError(limit=caps.rows, estimated=shown.dataset.rows, unit="rows")
