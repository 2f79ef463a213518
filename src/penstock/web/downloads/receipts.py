"""Receipts of answers: opened with the first byte, closed with the last."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from penstock.errors import BusyError
from penstock.model.receipt import Receipt, new_receipt_id
from penstock.ports import Receipts
from penstock.web.http.representation import Representation


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeRepresentation:
    """What is known of a whole representation; `sha256` is of it as coded."""

    rows: int
    size_bytes: int
    sha256: str
    identity_bytes: int
    identity_sha256: str


def known_whole(receipts: Receipts, shown: Representation) -> WholeRepresentation | None:
    """Give what a completed answer said of this representation; None if none did, or is told."""
    try:
        return whole_of(receipts.completed(shown.dataset.tenant, shown.etag))
    except BusyError:
        return None


def whole_of(receipt: Receipt | None) -> WholeRepresentation | None:
    """Read a completed receipt as what it knows of its representation."""
    if (
        receipt is None
        or receipt.rows is None
        or receipt.bytes is None
        or receipt.sha256 is None
        or receipt.identity_bytes is None
        or receipt.identity_sha256 is None
    ):
        return None
    return WholeRepresentation(
        rows=receipt.rows,
        size_bytes=receipt.bytes,
        sha256=receipt.sha256,
        identity_bytes=receipt.identity_bytes,
        identity_sha256=receipt.identity_sha256,
    )


def with_whole(receipt: Receipt, whole: WholeRepresentation | None) -> Receipt:
    """Write into a receipt what is known of its representation."""
    if whole is None:
        return receipt
    return replace(
        receipt,
        rows=whole.rows,
        bytes=whole.size_bytes,
        sha256=whole.sha256,
        identity_bytes=whole.identity_bytes,
        identity_sha256=whole.identity_sha256,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenReceipt:
    """The receipt of an answer that is being sent.

    `known` gives what is known of the whole representation when the answer is complete; None where
    a part was sent and nothing is known of the rest.
    """

    receipts: Receipts
    receipt: Receipt
    now: Callable[[], datetime]
    known: Callable[[], WholeRepresentation | None]
    storing: Future[None] | None = None
    """Where it is being stored since before the answer is known."""

    def begin(self) -> None:
        """Store that the answer begins; returns once it is stored."""
        if self.storing is None:
            self.receipts.put(self.receipt)
        else:
            self.storing.result()

    def begun(self, errands: Executor) -> "OpenReceipt":
        """Give the same receipt, which is being stored from now on, beside whoever asks."""
        return replace(self, storing=errands.submit(self.receipts.put, self.receipt))

    def unused(self, errands: Executor) -> None:
        """Have it stored that no answer follows, if it is stored at all."""
        if self.storing is not None:
            errands.submit(self._end_unused, self.storing)

    def _end_unused(self, storing: Future[None]) -> None:
        with suppress(BusyError):
            # What is stored last stays.
            storing.result()
            self.aborted()

    def complete(self) -> None:
        """Store that the last byte was handed to the socket."""
        closed = replace(self.receipt, state="complete", ended=self.now())
        self.receipts.put(with_whole(closed, self.known()))

    def aborted(self) -> None:
        """Store that the answer broke off."""
        self.receipts.put(replace(self.receipt, state="aborted", ended=self.now()))


def open_receipt(
    receipts: Receipts,
    shown: Representation,
    *,
    now: Callable[[], datetime],
    known: Callable[[], WholeRepresentation | None],
) -> OpenReceipt:
    """Write a receipt for an answer, under an id of its own; nothing is stored yet."""
    receipt = Receipt(
        id=new_receipt_id(),
        tenant=shown.dataset.tenant,
        dataset=shown.dataset.name,
        version=shown.dataset.version,
        # A signed URL opens its receipts as well: whoever has one has the id from its answer.
        private=shown.dataset.private and shown.query.claim is None,
        owner=shown.dataset.owner,
        etag=shown.etag,
        format=shown.written.extension,
        coding=shown.coding,
        started=now(),
    )
    return OpenReceipt(receipts=receipts, receipt=receipt, now=now, known=known)
