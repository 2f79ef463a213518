"""Progress: how far an attempt at a job is, and the order of its words."""

from dataclasses import dataclass

_ATTEMPT_BITS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an attempt is; `total` is None where nobody knows it."""

    seq: int = 0
    """attempt << 32 | counter: an attempt's later word has a higher one than all before it."""
    done: int = 0
    total: int | None = None
    rejected: int = 0
    bytes: int = 0
    phase: str = ""


def first_seq(attempt: int) -> int:
    """Give the lowest number that an attempt's words may have."""
    return attempt << _ATTEMPT_BITS
