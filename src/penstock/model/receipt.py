"""A receipt: what one download held, for whoever wants to check it afterwards."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

ReceiptState = Literal["streaming", "complete", "aborted"]

RECEIPT_KEPT = timedelta(days=7)
"""How long a receipt is kept, from the start of its download."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One download; sizes and digests are of the whole representation, not of a range.

    `sha256` and `bytes` are of the representation as coded, `identity_*` of it before coding.
    They are None until the state is `complete`, which says that the last byte was handed to the
    socket.
    """

    id: str
    tenant: str
    dataset: str
    version: str
    private: bool
    etag: str
    format: str
    coding: str
    started: datetime
    owner: str | None = None
    """The user of the export whose result it is of."""
    state: ReceiptState = "streaming"
    rows: int | None = None
    bytes: int | None = None
    sha256: str | None = None
    identity_bytes: int | None = None
    identity_sha256: str | None = None
    ended: datetime | None = None


def new_receipt_id() -> str:
    """Make an unguessable id of 128 bits, as 32 characters of base16."""
    return secrets.token_hex(16)
