"""Job view: a job as the service tells of it, read without trust."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from penstock.client.terminal import printable
from penstock.errors import TransferError

WELL = frozenset({"SUCCEEDED", "SUCCEEDED_WITH_REJECTS"})
DELETED = "DELETED"
"""No state of the service's: what a job that isn't there any more is shown as."""

_OVER = WELL | {"FAILED", "CANCELLED", "EXPIRED", DELETED}
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job as it was when the service was asked; texts are fit for a terminal."""

    id: str
    kind: str
    type: str
    state: str
    high_water: int
    """The most records that were ever done; it never goes back."""
    total: int | None
    """None where nobody knows it yet."""
    rejected: int
    bytes: int
    phase: str
    attempt: int
    is_stalled: bool
    created: datetime | None
    started: datetime | None
    ended: datetime | None
    expires_at: datetime | None
    error: str | None
    """Why it, or its last attempt, failed."""
    raw: Mapping[str, Any] = field(repr=False)
    """All that the service said."""

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self.state in _OVER

    @property
    def went_well(self) -> bool:
        """Whether its result is there."""
        return self.state in WELL


def job_of(said: object) -> JobView:
    """Read a job from what the service answered. Raises TransferError if it is none."""
    if not isinstance(said, dict):
        raise TransferError("The server's answer is no job: is this Penstock?")
    given: dict[str, Any] = said
    told = given.get("progress")
    progress: dict[str, Any] = told if isinstance(told, dict) else {}
    job_id = job_id_of(given.get("id"))
    state = _text(given.get("state"))
    if job_id is None or not state:
        raise TransferError("The server's answer is no job: is this Penstock?")
    return JobView(
        id=job_id,
        kind=_text(given.get("kind")),
        type=_text(given.get("type")),
        state=state,
        high_water=_count(progress.get("high_water")) or 0,
        total=_count(progress.get("total")),
        rejected=_count(progress.get("rejected")) or 0,
        bytes=_count(progress.get("bytes")) or 0,
        phase=_text(progress.get("phase")),
        attempt=_count(given.get("attempt")) or 0,
        is_stalled=given.get("stalled") is True,
        created=_moment(given.get("created")),
        started=_moment(given.get("started")),
        ended=_moment(given.get("ended")),
        expires_at=_moment(given.get("expires_at")),
        error=_fault(given.get("error")),
        raw=given,
    )


def job_id_of(value: object) -> str | None:
    """Give a job's id; None unless it may stand in a path, and on a terminal, as it is."""
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def _fault(value: object) -> str | None:
    if not isinstance(value, dict):
        return None
    message, code = _text(value.get("message")), _text(value.get("code"))
    return f"{message} ({code})" if message and code else message or code or "unknown"


def _text(value: object) -> str:
    return printable(value) if isinstance(value, str) else ""


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _moment(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
