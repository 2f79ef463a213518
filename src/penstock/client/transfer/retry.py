"""Retry: how often a broken transfer is tried again, and how long to wait before."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from penstock.errors import TransferError
from penstock.model.clock import utc_now


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """The bounds of trying again; clock, sleep and chance are parts of it, so a test needs none."""

    retries: int = 8
    """Failures in a row, without one new byte between them, that are forgiven."""
    first_seconds: float = 0.5
    most_seconds: float = 30
    longest_wait_seconds: float = 300
    """A server that asks for a longer wait is taken at its word: the download ends there."""
    sleep: Callable[[float], None] = field(default=time.sleep)
    draw: Callable[[], float] = field(default=random.random)
    """A number from 0 to 1: clients that were cut off together should not come back together."""
    now: Callable[[], datetime] = field(default=utc_now)

    def delay(self, failures: int) -> float:
        """Seconds to wait after this many failures in a row: doubling, half of it by chance."""
        # The exponent is bounded, as 2.0 ** 2000 is an error and not infinity.
        ceiling = min(self.most_seconds, self.first_seconds * 2.0 ** min(failures - 1, 64))
        return ceiling * (1 + self.draw()) / 2

    def wait_seconds(self, failures: int, reason: str, *, asked: float | None) -> float:
        """Say how long to wait after this many failures in a row, where the server `asked` so long.

        Raises TransferError, which tells the reason, when it was tried often enough.
        """
        reason = reason.rstrip(".")
        if failures > self.retries:
            raise TransferError(f"Gave up after {failures} failures in a row: {reason}.")
        seconds = max(self.delay(failures), asked or 0)
        if seconds > self.longest_wait_seconds:
            raise TransferError(
                f"{sentence(reason)}. It asks to wait for {seconds:,.0f} s: try again then."
            )
        return seconds


def sentence(text: str) -> str:
    """Begin with a capital letter."""
    return text[:1].upper() + text[1:]


def retry_after_seconds(value: str | None, *, now: datetime) -> float | None:
    """Read a Retry-After header, seconds or a date (RFC 9110, 10.2.3); None if it says nothing."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
