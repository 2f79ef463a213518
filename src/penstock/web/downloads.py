"""Downloads: `/{dataset}.{format}?{query}` as an answer."""

from functools import partial

from penstock.reading.encoded import Caps, text_types
from penstock.reading.engine import Allowance
from penstock.reading.estimate import refuse_if_too_large
from penstock.web.answers import Answer
from penstock.web.asked import Asked, open_download
from penstock.web.coding import coded, negotiate
from penstock.web.conditional import is_not_modified
from penstock.web.made import Made
from penstock.web.making import Begun, begin
from penstock.web.paging import read_page
from penstock.web.receipts import Whole, known_whole, open_receipt
from penstock.web.representation import Representation
from penstock.web.resources import Resources
from penstock.web.stored import stored_answer


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
    whole = resources.errands.submit(_known_whole, resources, shown)
    receipt = open_receipt(resources.ports.receipts, shown, now=resources.now, known=_nothing)
    if not (asked.is_head or resources.reader.slots.are_wanted):
        # Where others wait, this one may well be refused.
        receipt = receipt.begun(resources.errands)
    begun: Begun | None = None
    try:
        # An answer to HEAD has no rows, and a kept one is read from where it is kept.
        if not asked.is_head and resources.spools.find(asked.tenant, shown.etag) is None:
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
        return Made(
            resources, asked, opened, shown, caps, allowance, receipt, begun, page, whole
        ).answer()
    except BaseException:
        receipt.unused(resources.errands)
        raise
    finally:
        if begun is not None:
            begun.beginning.drop()


def _nothing() -> None:
    return None


def _known_whole(resources: Resources, shown: Representation) -> Whole | None:
    if not shown.is_reproducible:
        return None
    return known_whole(resources.ports.receipts, shown)


def _caps(resources: Resources, asked: Asked) -> Caps:
    own = asked.asker.tenant.caps
    size = own.response_bytes if own.response_bytes is not None else resources.response_bytes
    return Caps(rows=own.response_rows, size_bytes=size, wire_bytes=asked.wire_bytes)
