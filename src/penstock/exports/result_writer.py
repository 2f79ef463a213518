"""Result writer: one attempt's way from its source to the files of its result."""

import re
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any

from penstock.errors import (
    BusyError,
    DatasetDamagedError,
    PermanentError,
    UnknownDatasetError,
)
from penstock.exports.declaration import ExportType
from penstock.exports.job_folder import JobFolder
from penstock.exports.parts import Stream, write_parts
from penstock.exports.resources import ExportResources
from penstock.exports.result import artifacts_of, manifest_of, stored_result
from penstock.model.artifact import Artifact
from penstock.model.attempt import Attempt
from penstock.model.job import Job

_IS_WHOLE = re.compile(r"file-[0-9]+\.[a-z0-9]+")


def is_whole_result(file: Artifact) -> bool:
    """Whether a file holds the whole result in a further format, and isn't one of its own."""
    return _IS_WHOLE.fullmatch(file.part) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What of a result is stored, for a later attempt to go on from.

    `rows` are those of the parts, which are the first ones of the result; `is_read` says that they
    are all.
    """

    parts: tuple[Artifact, ...] = ()
    files: tuple[Artifact, ...] = ()
    is_read: bool = False

    @property
    def rows(self) -> int:
        """Rows of the parts."""
        return sum(part.rows for part in self.parts)

    @property
    def rows_told(self) -> int:
        """Rows as progress counts them: of a backup, those of its tables."""
        tables = [file for file in self.files if not is_whole_result(file)]
        return sum(table.rows for table in tables) if tables else self.rows

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return sum(one.bytes for one in (*self.parts, *self.files))


@dataclass(slots=True, kw_only=True)
class ResultWriter:
    """One attempt, and what of its files may be others' by now."""

    resources: ExportResources
    attempt: Attempt
    wanted: ExportType
    place: JobFolder
    kept: set[str] = field(default_factory=set)
    """Files that a stored checkpoint may name: another attempt may go on from them."""

    is_published: bool = False
    """Whether there may be a manifest that names this attempt's files."""

    @property
    def job(self) -> Job:
        """The job as it was last stored."""
        return self.attempt.job

    def undo(self) -> None:
        """Remove what this attempt wrote and nobody needs, as far as that works now.

        Where there is a result, by whichever attempt, that are all files but its own; before that,
        another attempt may go on from a checkpoint's.
        """
        with suppress(BusyError, PermanentError):
            manifest = stored_result(self.resources.outputs, self.job)
            if manifest is not None:
                self.place.remove_own(keep={one.part for one in artifacts_of(manifest)})
            elif not self.is_published:
                self.place.remove_own(keep=self.kept)

    def resumed(self) -> Checkpoint:
        """Give what an earlier attempt has stored, if all of it is still there.

        Raises BusyError.
        """
        job = self.job
        parts = tuple(one for one in job.artifacts if one.part.startswith("part-"))
        files = tuple(one for one in job.artifacts if not one.part.startswith("part-"))
        if not job.checkpoint or not parts:
            return Checkpoint()
        try:
            self.resources.drafts.draft(
                job.tenant, manifest_of(job, parts, now=self.resources.now())
            )
        except (DatasetDamagedError, UnknownDatasetError):
            # Its files were removed, since the job had failed for good and was redriven.
            return Checkpoint()
        self.kept.update(one.part for one in job.artifacts)
        return Checkpoint(parts=parts, files=files, is_read=bool(job.checkpoint.get("is_read")))

    def checkpoint(self, reached: Checkpoint) -> None:
        """Store what is reached, for a later attempt. Raises as Attempt.checkpoint."""
        # Even if this fails: it may have been stored.
        self.kept.update(one.part for one in (*reached.parts, *reached.files))
        said: Mapping[str, Any] = {"rows": reached.rows, "is_read": reached.is_read}
        self.attempt.checkpoint(said, (*reached.parts, *reached.files))

    def write(
        self,
        stream: Stream,
        *,
        total: int | None,
        before: Checkpoint,
        can_go_on: bool = False,
    ) -> Checkpoint:
        """Store a stream's batches as parts, behind those of before; say how far they are.

        With `can_go_on`, each part but the last is a checkpoint. Raises as `write_parts`.
        """
        parts = list(before.parts)
        done, size = before.rows, before.size_bytes

        def told(rows: int, written: int) -> None:
            expected = None if total is None else max(total, done + rows)
            self.attempt.progress(
                done + rows, total=expected, size_bytes=size + written, phase="reading"
            )

        stored = write_parts(
            self.place,
            stream,
            limits=self.resources.limits,
            told=told,
            first=len(parts),
            may_be_none=bool(parts),
        )
        with closing(stored):
            for part, goes_on in stored:
                parts.append(part)
                if can_go_on and goes_on:
                    self.checkpoint(Checkpoint(parts=tuple(parts)))
        return Checkpoint(parts=tuple(parts), is_read=True)
