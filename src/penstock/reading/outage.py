"""Outages: what is said where stored data can't be read just now."""

from penstock.errors import BusyError

_RETRY_SECONDS = 5


def outage() -> BusyError:
    """Give the error of a store that fails, throttles or refuses; it names no place in it."""
    return BusyError(
        f"The store can't be read just now: try again in {_RETRY_SECONDS} s.",
        retry_after_seconds=_RETRY_SECONDS,
    )
