"""An attempt: what the work of a job knows of the worker that it runs in."""

from collections.abc import Mapping
from typing import Any, Protocol

from penstock.model.artifact import Artifact
from penstock.model.job import Job


class Attempt(Protocol):
    """One attempt at a job, from its claim to its end.

    Each method raises JobCancelledError once the job's user asked for its end, StaleJobError once
    the lease is somebody else's, and WorkerStoppingError once its process is to end: the work lets
    them pass.
    """

    @property
    def job(self) -> Job:
        """The job as it was last stored by this attempt."""
        ...

    def progress(
        self, done: int, *, total: int | None = None, size_bytes: int = 0, phase: str = ""
    ) -> None:
        """Say how far the attempt is; to be called for each batch. Waits for nothing."""
        ...

    def is_over(self) -> bool:
        """Whether the work is to end at once; raises nothing, for use within reads."""
        ...

    def holds(self) -> bool:
        """Whether the job's row says, at this moment, that it is this attempt's.

        False where that can't be known; raises nothing.
        """
        ...

    def checkpoint(self, reached: Mapping[str, Any], artifacts: tuple[Artifact, ...]) -> None:
        """Store what a later attempt may go on from, and the files that are whole by now."""
        ...

    def finalize(self) -> None:
        """Say that all is read and written but the manifest, which follows."""
        ...
