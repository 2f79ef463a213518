"""Work: what an export does, from its claim to the manifest that makes its files the result."""

from collections.abc import Mapping
from typing import assert_never

from penstock.errors import (
    BusyError,
    DatasetChangedError,
    DatasetDamagedError,
    JobCancelledError,
    JobError,
    PenstockError,
    PermanentError,
    RecoverableError,
    ScanCancelledError,
    StaleJobError,
    UnknownDatasetError,
    UnknownJobError,
    WorkerStoppingError,
)
from penstock.exports import named
from penstock.exports.backup import make_backup
from penstock.exports.check import given_of
from penstock.exports.declaration import BackupSource, DatabaseSource, SliceSource
from penstock.exports.files import with_further_formats
from penstock.exports.job_folder import JobFolder
from penstock.exports.resources import ExportResources
from penstock.exports.result import artifacts_of, manifest_of, publish, stored_result
from penstock.exports.result_writer import Checkpoint, ResultWriter
from penstock.exports.slices import make_slice, open_slice
from penstock.exports.tables import make_table
from penstock.model.artifact import Artifact
from penstock.model.attempt import Attempt
from penstock.model.format import Style
from penstock.model.manifest import Manifest
from penstock.reading.manifest import MANIFEST


def export(resources: ExportResources, attempt: Attempt) -> tuple[Artifact, ...]:
    """Make an export's result, and give its files: the parts in order, then those beside them.

    Where an attempt before this one has come as far as its manifest, that is the result: nothing is
    made anew. Where one has left a checkpoint, this one goes on from it. A process that dies in
    here leaves files under names of its own, which nobody takes for a result, and which the
    attempt that succeeds removes. Holds what `write_parts` holds.

    Raises JobCancelledError, StaleJobError and WorkerStoppingError as the attempt does;
    RecoverableError where another attempt may succeed, else PermanentError, both with words for the
    job's user. What this attempt wrote, and no checkpoint names, is removed by then.
    """
    writer = None
    try:
        writer = ResultWriter(
            resources=resources,
            attempt=attempt,
            wanted=named(attempt.job.type),
            place=JobFolder.of(resources.outputs, attempt.job),
        )
        manifest = _left_behind(writer)
        if manifest is None:
            manifest = _made(writer)
        else:
            _finish(writer, manifest)
        files = artifacts_of(manifest)
        # By now it is decided which files are the result: all others are nobody's, since attempts
        # to come find it. One that has overtaken this one before may be at work yet.
        if attempt.holds():
            writer.place.remove_others(keep={MANIFEST, *(one.part for one in files)})
        else:
            writer.undo()
    except BaseException as error:
        if writer is not None:
            writer.undo()
        told = _for_the_job(error, attempt) if isinstance(error, PenstockError) else error
        if told is error:
            raise
        raise told from error
    return files


def _left_behind(writer: ResultWriter) -> Manifest | None:
    """Give the result that an attempt before this one has made, if all of its files are there.

    A job that failed had its files removed. Who stood still until then, and stored a manifest over
    nothing, has left no result: what there is of it goes.

    Raises StaleJobError where this is no longer the job's attempt, PermanentError and BusyError.
    """
    resources, job = writer.resources, writer.job
    manifest = stored_result(resources.outputs, job)
    if manifest is None:
        return None
    try:
        resources.drafts.draft(job.tenant, manifest)
        for file in manifest.files:
            resources.exported.file(job.tenant, job.id, file.name)
    except (DatasetDamagedError, UnknownDatasetError) as error:
        if not writer.attempt.holds():
            raise StaleJobError(job.id) from error
        resources.outputs.remove(job.tenant, job.folder)
        return None
    return manifest


def _made(writer: ResultWriter) -> Manifest:
    """Make the files of a result and publish them, or find that another attempt has."""
    job, source = writer.job, writer.wanted.source
    reached = writer.resumed()
    styles: Mapping[str, Style] = {}
    match source:
        case DatabaseSource():
            if not reached.is_read:
                reached = make_table(writer, source, given_of(writer.wanted, job))
        case BackupSource():
            if not reached.is_read:
                reached = make_backup(writer)
        case SliceSource():
            opened = open_slice(writer.resources, writer.wanted, job)
            styles = opened.query.styles
            if not reached.is_read:
                reached = make_slice(writer, opened, reached)
        case _:
            assert_never(source)
    reached = with_further_formats(writer, reached, styles)
    manifest = manifest_of(job, reached.parts, reached.files, now=writer.resources.now())
    _finish(writer, manifest)
    writer.is_published = True
    return publish(writer.resources.outputs, job, manifest)


def _finish(writer: ResultWriter, manifest: Manifest) -> None:
    """Say that all of this result is written: what is told last is what the job says for good."""
    files = artifacts_of(manifest)
    count = len(manifest.parts)
    whole = Checkpoint(parts=files[:count], files=files[count:])
    writer.attempt.progress(
        whole.rows_told, total=whole.rows_told, size_bytes=whole.size_bytes, phase="finishing"
    )
    writer.attempt.finalize()


def _for_the_job(error: PenstockError, attempt: Attempt) -> PenstockError:
    """Say whether another attempt may succeed, in words for the job's user."""
    if isinstance(error, JobCancelledError | ScanCancelledError) and attempt.is_over():
        try:
            # It knows why; a read that was stopped does not.
            attempt.progress(0)
        except PenstockError as reason:
            return reason
    match error:
        case JobError() | JobCancelledError() | StaleJobError() | WorkerStoppingError():
            return error
        case UnknownJobError():
            return error
        case BusyError() | DatasetChangedError() | ScanCancelledError():
            return RecoverableError(error.detail, cause=error.code)
        case _:
            return PermanentError(error.detail, **error.facts, cause=error.code)
