"""Results: a manifest makes the files of one attempt the result of its job, once and for all."""

from collections.abc import Sequence
from datetime import datetime

from penstock.errors import DatasetDamagedError, PermanentError, RecoverableError
from penstock.model.artifact import Artifact
from penstock.model.job import Job
from penstock.model.manifest import BesideFile, Manifest, Part
from penstock.ports import Outputs
from penstock.reading.manifest import MANIFEST, MAX_MANIFEST_BYTES, parse_manifest


def manifest_of(
    job: Job, parts: Sequence[Artifact], files: Sequence[Artifact] = (), *, now: datetime
) -> Manifest:
    """Say what a job's result consists of."""
    return Manifest(
        version=job.id,
        published=now,
        owner=job.user,
        parts=tuple(
            Part(name=one.part, size_bytes=one.bytes, rows=one.rows, sha256=one.sha256)
            for one in parts
        ),
        files=tuple(
            BesideFile(name=one.part, size_bytes=one.bytes, rows=one.rows, sha256=one.sha256)
            for one in files
        ),
    )


def artifacts_of(manifest: Manifest) -> tuple[Artifact, ...]:
    """Give the files of a result: its parts in order, then those beside them."""
    stored: list[Part | BesideFile] = [*manifest.parts, *manifest.files]
    return tuple(
        Artifact(part=one.name, rows=one.rows or 0, bytes=one.size_bytes, sha256=one.sha256 or "")
        for one in stored
    )


def stored_result(outputs: Outputs, job: Job) -> Manifest | None:
    """Give the manifest that an earlier attempt, or one that was overtaken, has left behind.

    Raises PermanentError if what stands there is none, and BusyError.
    """
    content = outputs.read(job.tenant, f"{job.folder}/{MANIFEST}", max_bytes=MAX_MANIFEST_BYTES)
    if content is None:
        return None
    try:
        return parse_manifest(content, version=job.id, dataset=job.dataset)
    except DatasetDamagedError as error:
        raise PermanentError(error.detail) from error


def publish(outputs: Outputs, job: Job, manifest: Manifest) -> Manifest:
    """Make this the job's result, unless there is one: give the one that there is from now on.

    Whoever is first decides, also where two attempts come this far at once.

    Raises RecoverableError where somebody removed the job's files just now, and BusyError, after
    which the manifest may be there or not.
    """
    content = manifest.model_dump_json(exclude_defaults=True).encode()
    if outputs.create(job.tenant, f"{job.folder}/{MANIFEST}", content):
        return manifest
    stored = stored_result(outputs, job)
    if stored is None:
        raise RecoverableError("The files of this job were removed while it was worked on.")
    return stored
