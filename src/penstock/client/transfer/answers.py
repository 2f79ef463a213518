"""Answers: the response headers that decide what a download does next, read without trust."""

import re
from dataclasses import dataclass
from typing import Literal

from penstock.errors import TransferError

Coding = Literal["identity", "gzip", "zstd"]

_ETAG = re.compile(r'"[\x21\x23-\x7e]*"')
_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", re.IGNORECASE)
_UNSATISFIED = re.compile(r"bytes \*/([0-9]{1,18})", re.IGNORECASE)
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRepresentation:
    """What the answers so far said of the one representation that is being fetched.

    `first_id` names the receipt of the answer that it began with, `last_id` that of the newest one.
    """

    coding: Coding = "identity"
    etag: str | None = None
    """A strong one; without it nothing can be resumed."""
    total_bytes: int | None = None
    rows: int | None = None
    file_name: str | None = None
    first_id: str | None = None
    last_id: str | None = None


@dataclass(frozen=True, slots=True)
class ContentRange:
    """The bytes `start` to `stop` (exclusive) of `total`, where the total is told."""

    start: int
    stop: int
    total: int | None


def strong_etag(value: str | None) -> str | None:
    """Give a strong entity tag back; None for a weak, missing or malformed one."""
    return value if value is not None and _ETAG.fullmatch(value) else None


def content_range(value: str | None) -> ContentRange | None:
    """Read the Content-Range of a 206 (RFC 9110, 14.4); None if it is missing or contradictory."""
    matched = _RANGE.fullmatch(value.strip()) if value is not None else None
    if matched is None:
        return None
    start, last = int(matched[1]), int(matched[2])
    total = None if matched[3] == "*" else int(matched[3])
    if last < start or (total is not None and last >= total):
        return None
    return ContentRange(start, last + 1, total)


def unsatisfied_total(value: str | None) -> int | None:
    """Read the total length that a 416 tells in its Content-Range; None if it doesn't."""
    matched = _UNSATISFIED.fullmatch(value.strip()) if value is not None else None
    return int(matched[1]) if matched else None


def coding_of(value: str | None) -> Coding:
    """Read Content-Encoding. Raises TransferError for a coding, or a stack of them, never asked."""
    match (value or "identity").strip().lower():
        case "identity" | "":
            return "identity"
        case "gzip" | "x-gzip":
            return "gzip"
        case "zstd":
            return "zstd"
        case other:
            raise TransferError(f"The server sent the content coding “{other}”: not asked for.")


def count_of(value: str | None) -> int | None:
    """Read a header that holds a count; None if it is missing or no count."""
    text = (value or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None  # noqa: PLR2004 - 18 digits fit in 64 bits


def download_id(value: str | None) -> str | None:
    """Read a Download-Id; None unless it may stand in a path as it is."""
    return value if value is not None and _ID.fullmatch(value) else None
