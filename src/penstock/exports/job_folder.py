"""Job folder: where one attempt writes, under names that no other attempt uses."""

from collections.abc import Callable, Container, Iterable
from contextlib import suppress
from dataclasses import dataclass

from penstock.errors import BusyError, PermanentError
from penstock.model.artifact import Artifact
from penstock.model.job import Job
from penstock.ports import Outputs
from penstock.reading.tally import Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFolder:
    """A job's folder, and the fencing token of the attempt that writes there.

    Each file's name holds the token: what an attempt writes after another one took its job over
    never stands in place of what that one wrote.
    """

    outputs: Outputs
    tenant: str
    folder: str
    token: int
    mark: str = ""
    """Tells apart who write for one attempt beside each other: `_` and some of `a-z0-9`, if any."""

    @classmethod
    def of(cls, outputs: Outputs, job: Job) -> "JobFolder":
        """Give a job's folder, as its present attempt has it."""
        return cls(outputs=outputs, tenant=job.tenant, folder=job.folder, token=job.fencing_token)

    def part(self, number: int) -> str:
        """Name a part."""
        return f"part-{self.token:06}-{number:05}{self.mark}.parquet"

    def file(self, extension: str, *, name: str = "") -> str:
        """Name a file beside the parts; `name` has characters of `A-Za-z0-9_-`, at most 100."""
        return f"file-{self.token:06}{self.mark}{'-' if name else ''}{name}.{extension}"

    def ranges(self) -> str:
        """Name the list of the ranges that others read for this attempt."""
        return f"ranges-{self.token:06}.json"

    def answer(self, number: int) -> str:
        """Name what is said by whoever read a range."""
        return f"range-{self.token:06}-{number:05}.json"

    def write(self, name: str, pieces: Iterable[bytes]) -> None:
        """Store a file (Outputs.write)."""
        self.outputs.write(self.tenant, f"{self.folder}/{name}", pieces)

    def artifact(self, name: str, tally: Tally) -> Artifact:
        """Describe a file that was written whole, by what was counted on its way."""
        return Artifact(
            part=name, rows=tally.rows, bytes=tally.size_bytes, sha256=tally.sha256.hexdigest()
        )

    def remove_own(self, *, keep: Container[str]) -> None:
        """Remove what this attempt wrote, but for names in `keep`, as far as that works now.

        What stays is in no manifest, and goes with the job's folder.
        """
        kinds = ("part", "file", "range", "ranges")
        beginnings = tuple(f"{kind}-{self.token:06}" for kind in kinds)
        self._remove(
            _Names(
                lambda name: (
                    name in keep or not name.startswith(beginnings) or self.mark not in name
                )
            )
        )

    def remove_one(self, name: str) -> None:
        """Remove a file, as far as that works now."""
        self._remove(_Names(lambda other: other != name))

    def remove_others(self, *, keep: Container[str]) -> None:
        """Remove everything but names in `keep`, as far as that works now."""
        self._remove(_Names(lambda name: name in keep))

    def _remove(self, keep: Container[str]) -> None:
        with suppress(BusyError, PermanentError):
            self.outputs.remove(self.tenant, self.folder, keep=keep)


@dataclass(frozen=True, slots=True)
class _Names:
    """Every name that a test holds for."""

    holds: Callable[[str], bool]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.holds(name)
