"""Receipts: what the server says that it sent, compared with what arrived."""

import json
import re
from dataclasses import dataclass

import httpx

from penstock.client.transfer.connection import Connection
from penstock.client.transfer.retry import RetryPolicy
from penstock.errors import TransferError

MOST_BYTES = 1 << 16
TRIES = 6
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedReceipt:
    """The part of a receipt that can be checked; see `penstock.model.receipt.Receipt`."""

    state: str
    rows: int | None = None
    bytes: int | None = None
    sha256: str | None = None
    identity_bytes: int | None = None
    identity_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class NoReceipt:
    """Why there is no receipt to compare with."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedContent:
    """What arrived: sizes and digests as coded, and as decoded where that is known already."""

    bytes: int
    sha256: str
    identity_bytes: int | None = None
    identity_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a receipt proves: `wrong` names each contradiction, `doubt` why it proves nothing."""

    wrong: str = ""
    doubt: str | None = None


def ask(
    connection: Connection, origin: httpx.URL, receipt_id: str, retry: RetryPolicy
) -> StatedReceipt | NoReceipt:
    """Fetch a receipt from the origin that named it; waits a little while it says `streaming`.

    Never fails: a receipt is a second opinion, so whatever stands in its way is a reason to tell.
    """
    url = origin.copy_with(raw_path=f"/-/receipts/{receipt_id}".encode())
    stated: StatedReceipt | NoReceipt = NoReceipt("the receipt could not be fetched")
    for attempt in range(TRIES):
        if attempt:
            retry.sleep(0.1 * 2 ** (attempt - 1))
        try:
            with connection.get(url, {"Accept-Encoding": "identity"}) as response:
                stated = _read(response)
                final = response.status_code not in {429, 500, 502, 503, 504}
        except (httpx.TransportError, TransferError):
            continue
        if final and not (isinstance(stated, StatedReceipt) and stated.state == "streaming"):
            break
    return stated


def judge(stated: StatedReceipt | NoReceipt, held: ReceivedContent) -> Verdict:
    """Compare what arrived with what the receipt states, as far as both are known."""
    because = doubt(stated)
    if because is not None or isinstance(stated, NoReceipt):
        return Verdict(doubt=because)
    pairs = [
        ("bytes", stated.bytes, held.bytes),
        ("sha256", stated.sha256, held.sha256),
        ("decoded bytes", stated.identity_bytes, held.identity_bytes),
        ("decoded sha256", stated.identity_sha256, held.identity_sha256),
    ]
    wrong = [
        f"{name} {ours}, and its receipt says {theirs}"
        for name, theirs, ours in pairs
        if theirs is not None and ours is not None and theirs != ours
    ]
    return Verdict(wrong="; ".join(wrong))


def doubt(stated: StatedReceipt | NoReceipt) -> str | None:
    """Say why a receipt proves nothing; None if it holds a digest to compare with."""
    match stated:
        case NoReceipt(reason):
            return reason
        case StatedReceipt(state="aborted"):
            return "the receipt is of an answer that broke off"
        case StatedReceipt(state="streaming"):
            return "the server hasn't finished the receipt yet"
        case StatedReceipt(sha256=None, identity_sha256=None):
            return "the receipt holds no digest of the whole file"
    return None


def _read(response: httpx.Response) -> StatedReceipt | NoReceipt:
    if response.status_code != httpx.codes.OK:
        return NoReceipt(f"the server has no receipt to show ({response.status_code})")
    body = b""
    for piece in response.iter_raw():
        body += piece
        if len(body) > MOST_BYTES:
            return NoReceipt("the receipt can't be read")
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return NoReceipt("the receipt can't be read")
    if not isinstance(fields, dict) or not isinstance(fields.get("state"), str):
        return NoReceipt("the receipt can't be read")
    return StatedReceipt(
        state=fields["state"],
        rows=_count(fields.get("rows")),
        bytes=_count(fields.get("bytes")),
        sha256=_digest(fields.get("sha256")),
        identity_bytes=_count(fields.get("identity_bytes")),
        identity_sha256=_digest(fields.get("identity_sha256")),
    )


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _digest(value: object) -> str | None:
    return value.lower() if isinstance(value, str) and _SHA256.fullmatch(value.lower()) else None
