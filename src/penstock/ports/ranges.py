"""The port of large tables: ranges of a table, read side by side by other processes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from penstock.model.job import Artifact


@dataclass(frozen=True, slots=True, kw_only=True)
class RangesWanted:
    """The ranges of one attempt's table, and where its files belong."""

    tenant: str
    job_id: str
    folder: str
    fencing_token: int
    ranges: Sequence[Mapping[str, Any]]
    """In the order of the table; each as JSON holds it, for whoever reads it."""


class RangeReaders(Protocol):
    """Processes that read ranges, each on connections of its own to the tenant's database."""

    @property
    def at_once(self) -> int:
        """How many of them read at the same time."""
        ...

    def read(
        self,
        wanted: RangesWanted,
        *,
        cancelled: Callable[[], bool],
        told: Callable[[int, int], None],
    ) -> list[tuple[Artifact, ...]]:
        """Have every range stored, and give the files of each one, in their order.

        Whoever asks holds the snapshot that they are read in until this returns. `told` hears now
        and then of the rows and bytes of all of them until then; `cancelled` is asked several times
        a second. What either raises ends the reading, and is raised.

        Raises what the first range that failed raised, RecoverableError where a process was lost,
        JobCancelledError once `cancelled`, and BusyError. All others have ended by then, or were
        told to end; what they have stored stays, under names that hold the fencing token.
        """
        ...
