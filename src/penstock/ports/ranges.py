"""The port of large reads: ranges of one table, or tables, read side by side by other processes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from penstock.model.artifact import Artifact


@dataclass(frozen=True, slots=True, kw_only=True)
class RangesRequest:
    """The ranges that one attempt wants read, and where their files belong."""

    tenant: str
    job_id: str
    folder: str
    fencing_token: int
    ranges: Sequence[Mapping[str, Any]]
    """In the order of the result; each as JSON holds it, for whoever reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeRead:
    """A range that was read."""

    files: tuple[Artifact, ...]
    as_text: tuple[tuple[str, ...], ...] = ()
    """Of each file of a backup, the columns that are stored as PostgreSQL's text of them."""


class RangeReaders(Protocol):
    """Processes that read ranges, each on connections of its own to the tenant's database."""

    @property
    def at_once(self) -> int:
        """How many of them read at the same time."""
        ...

    def read(
        self,
        wanted: RangesRequest,
        *,
        cancelled: Callable[[], bool],
        told: Callable[[int, int], None],
    ) -> list[RangeRead]:
        """Have every range stored, and tell of each one, in their order.

        Whoever asks holds the snapshot that they are read in until this returns. `told` hears now
        and then of the rows and bytes of all of them until then; `cancelled` is asked several times
        a second. What either raises ends the reading, and is raised.

        Raises what the first range that failed raised, RecoverableError where a process was lost,
        JobCancelledError once `cancelled`, and BusyError. All others have ended by then, or were
        told to end; what they have stored stays, under names that hold the fencing token.
        """
        ...
