"""Downloads: `/{dataset}.{format}?{query}` as an answer."""

from functools import partial

from penstock.reading.encoded import AnswerCaps, text_types
from penstock.reading.engine import Allowance
from penstock.reading.estimate import refuse_if_too_large
from penstock.web.answers import Answer
from penstock.web.downloads.dataset_request import DatasetRequest, open_download
from penstock.web.downloads.encoded_read import StartedRead, begin
from penstock.web.downloads.paging import read_page
from penstock.web.downloads.receipts import WholeRepresentation, known_whole, open_receipt
from penstock.web.downloads.rows_answer import RowsAnswer
from penstock.web.downloads.stored_file import stored_answer
from penstock.web.http.coding import coded, negotiate
from penstock.web.http.conditional import is_not_modified
from penstock.web.http.representation import Representation
from penstock.web.resources import Resources


def download(resources: Resources, request: DatasetRequest, *, allowance: Allowance) -> Answer:
    """Answer a download, up to its first byte; may read a page or a spool's worth of rows.

    Raises the errors of every step: who asks, what for, whether it fits.
    """
    opened = open_download(resources, request)
    coding = negotiate(
        request.headers.get("accept-encoding"), worthwhile=opened.written.compressible
    )
    shown = Representation(
        dataset=opened.dataset, written=opened.written, query=opened.query, coding=coding
    )
    if is_not_modified(
        if_none_match=request.headers.get("if-none-match"),
        if_modified_since=request.headers.get("if-modified-since"),
        etag=shown.etag,
        modified=opened.dataset.modified,
    ):
        return Answer(status=304, headers=shown.validators())
    caps = _caps(resources, request)
    if shown.is_stored:
        return stored_answer(resources, request, shown, caps=caps, allowance=allowance)
    whole = resources.errands.submit(_known_whole, resources, shown)
    receipt = open_receipt(resources.ports.receipts, shown, now=resources.now, known=_nothing)
    if not (request.is_head or resources.reader.slots.are_wanted):
        # Where others wait, this one may well be refused.
        receipt = receipt.begun(resources.errands)
    begun: StartedRead | None = None
    try:
        # An answer to HEAD has no rows, and a kept one is read from where it is kept.
        if not request.is_head and resources.spools.find(request.tenant, shown.etag) is None:
            begun = begin(resources.reader, opened, allowance=allowance)
        refuse_if_too_large(
            resources.reader,
            opened.dataset,
            opened.query.slice,
            written=opened.written,
            style=opened.query.style,
            caps=caps,
            allowance=allowance,
            code=None if coding == "identity" else partial(coded, coding=coding),
            beginning=None if begun is None else begun.beginning,
        )
        page = read_page(
            resources.reader,
            opened.dataset,
            opened.query.slice,
            text=text_types(opened.written),
            allowance=allowance,
        )
        return RowsAnswer(
            resources, request, opened, shown, caps, allowance, receipt, begun, page, whole
        ).answer()
    except BaseException:
        receipt.unused(resources.errands)
        raise
    finally:
        if begun is not None:
            begun.beginning.drop()


def _nothing() -> None:
    return None


def _known_whole(resources: Resources, shown: Representation) -> WholeRepresentation | None:
    if not shown.is_reproducible:
        return None
    return known_whole(resources.ports.receipts, shown)


def _caps(resources: Resources, request: DatasetRequest) -> AnswerCaps:
    own = request.asker.tenant.caps
    size = own.response_bytes if own.response_bytes is not None else resources.response_bytes
    return AnswerCaps(rows=own.response_rows, size_bytes=size, wire_bytes=request.wire_bytes)
