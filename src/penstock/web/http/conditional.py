"""Validators and conditions: entity tags, dates, and when a 304 says it all (RFC 9110, 8.8, 13)."""

import hashlib
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime


def entity_tag(*parts: str, weak: bool = False) -> str:
    """Make an entity tag of everything that decides an answer's bytes."""
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
    return f'W/"{digest}"' if weak else f'"{digest}"'


def http_date(moment: datetime) -> str:
    """Write a moment as HTTP does, in whole seconds."""
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)


def is_held(if_none_match: str | None, *, etag: str) -> bool:
    """Whether an If-None-Match names this entity tag; tags are compared weakly."""
    held = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return "*" in held or etag.removeprefix("W/") in held


def is_not_modified(
    *, if_none_match: str | None, if_modified_since: str | None, etag: str, modified: datetime
) -> bool:
    """Whether the client holds this answer already; the entity tag counts before the date."""
    if if_none_match is not None:
        return is_held(if_none_match, etag=etag)
    since = _date(if_modified_since)
    return since is not None and modified.replace(microsecond=0) <= since


def range_still_fits(if_range: str | None, *, etag: str, modified: datetime) -> bool:
    """Whether a range asked for under If-Range is a range of this very answer.

    Only strong validators fit: a weak tag never does.
    """
    if if_range is None:
        return True
    if etag.startswith("W/"):
        return False
    if if_range.startswith('"'):
        return if_range.strip() == etag
    since = _date(if_range)
    return since is not None and modified.replace(microsecond=0) == since


def _date(header: str | None) -> datetime | None:
    if header is None:
        return None
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
