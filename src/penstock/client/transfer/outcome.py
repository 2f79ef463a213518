"""Outcome: what arrived, measured and compared with the server's receipt."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from penstock.client.transfer.progress import Progress, Report, ignore
from penstock.client.transfer.receipts import (
    NoReceipt,
    ReceivedContent,
    StatedReceipt,
    Verdict,
    judge,
)
from penstock.client.transfer.resumable import ResumableTransfer
from penstock.errors import TransferError


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """A download that ended well; `bytes` and `sha256` are of the file, thus decoded.

    `verified` says that a receipt of the server agreed, or the digest that was known beforehand; if
    not, `unverified_because` says why neither could be asked. What disagrees is an error instead.
    """

    path: Path | None
    rows: int | None
    bytes: int
    sha256: str
    coded_bytes: int
    """Bytes as they were on the network, an earlier run's included."""
    verified: bool
    unverified_because: str | None
    resumed_times: int
    receipt_id: str | None
    job_id: str | None = None
    """The job that made it, of an export."""


class Measured:
    """Decoded pieces, and afterwards their size, their digest and whether they were damaged."""

    def __init__(self, pieces: Iterable[bytes], report: Report = ignore) -> None:
        self._pieces = pieces
        self._report = report
        self._digest = hashlib.sha256()
        self.bytes = 0
        self.damaged = False

    @property
    def sha256(self) -> str:
        """The digest of the pieces so far."""
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        try:
            for piece in self._pieces:
                self._digest.update(piece)
                self.bytes += len(piece)
                yield piece
                self._report(Progress(phase="decoding", done_bytes=self.bytes))
        except TransferError:
            self.damaged = True
            raise


def compared(
    transfer: ResumableTransfer,
    stated: StatedReceipt | NoReceipt,
    plain: Measured | None,
    *,
    sha256: str | None = None,
) -> Verdict:
    """Judge a complete transfer; `plain` measured it decoded, None where that isn't done yet.

    `sha256` is the digest that it has to have decoded, where that was known beforehand.
    """
    held = ReceivedContent(bytes=transfer.position, sha256=transfer.sha256)
    if plain is not None:
        held = replace(held, identity_bytes=plain.bytes, identity_sha256=plain.sha256)
    elif transfer.known.coding == "identity":
        held = replace(held, identity_bytes=held.bytes, identity_sha256=held.sha256)
    verdict = judge(stated, held)
    if sha256 is None or held.identity_sha256 is None:
        return verdict
    if held.identity_sha256 != sha256:
        wrong = f"sha256 {held.identity_sha256}, and the service had told {sha256}"
        return Verdict(wrong="; ".join(filter(None, (verdict.wrong, wrong))))
    return Verdict(wrong=verdict.wrong)


def downloaded(
    transfer: ResumableTransfer,
    stated: StatedReceipt | NoReceipt,
    plain: Measured | None,
    *,
    path: Path | None,
    sha256: str | None = None,
) -> Downloaded:
    """Sum up a download that nothing contradicts; `plain` is None for an uncoded one."""
    because = compared(transfer, stated, plain, sha256=sha256).doubt
    rows = stated.rows if isinstance(stated, StatedReceipt) else None
    return Downloaded(
        path=path,
        rows=transfer.known.rows if rows is None else rows,
        bytes=transfer.position if plain is None else plain.bytes,
        sha256=transfer.sha256 if plain is None else plain.sha256,
        coded_bytes=transfer.position,
        verified=because is None,
        unverified_because=because,
        resumed_times=transfer.resumed_times,
        receipt_id=transfer.known.last_id,
    )
