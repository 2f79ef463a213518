"""Progress: what a running download says of itself, many times a second."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Phase = Literal["connecting", "receiving", "waiting", "checking", "decoding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a download stands; bytes are those on the network, thus before decoding.

    While `decoding`, they are the decoded bytes instead. `note` is one line for a person.
    """

    phase: Phase
    done_bytes: int
    total_bytes: int | None = None
    rows: int | None = None
    note: str = ""


Report = Callable[[Progress], None]


def ignore(progress: Progress) -> None:
    """Let progress pass unseen."""
