"""Manifests of a dataset's versions, `{dataset}/{version}/part-*.parquet`, and `current`.

A version is whole once its `manifest.json` is there, which is written last:

    {"version": "20240501T120000Z", "published": "2024-05-01T12:00:00Z",
     "parts": [{"name": "part-00000.parquet", "size_bytes": 1234}]}

`{dataset}/current` holds the name of the version that is served, and is replaced atomically. The
result of a job is a version alone, named like the job, whose `owner` is the job's user; `files`
stand beside its parts and aren't among its rows.
"""

import re
from collections.abc import Sequence

from pydantic import ValidationError

from penstock.errors import DatasetDamagedError
from penstock.model.dataset import Dataset
from penstock.model.manifest import Manifest
from penstock.reading.stored_file import StoredFile

CURRENT = "current"
MANIFEST = "manifest.json"
MAX_CURRENT_BYTES = 256
MAX_MANIFEST_BYTES = 16_000_000

_VERSION = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_version(text: str) -> bool:
    """Whether a version may have this name (1 to 64 of `A-Za-z0-9_-`, and not `current`)."""
    return _VERSION.fullmatch(text) is not None and text != CURRENT


def parse_current(content: bytes, *, dataset: str) -> str:
    """Read which version is served. Raises DatasetDamagedError if that is no version's name."""
    try:
        version = content.decode().strip()
    except UnicodeDecodeError as error:
        raise unreadable_current(dataset) from error
    if not is_version(version):
        raise DatasetDamagedError(dataset, reason="its `current` names no version")
    return version


def parse_manifest(content: bytes, *, version: str, dataset: str) -> Manifest:
    """Read a version's manifest. Raises DatasetDamagedError if it is none, or another version's."""
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        raise unreadable_manifest(dataset) from error
    if manifest.version != version:
        raise DatasetDamagedError(dataset, reason="its manifest is another version's")
    return manifest


def refuse_other_parts(manifest: Manifest, stored: Sequence[StoredFile], *, dataset: str) -> None:
    """Return if the stored parts are those of the manifest, and have one schema.

    Raises DatasetDamagedError otherwise.
    """
    for part, one in zip(manifest.parts, stored, strict=True):
        if one.file.size_bytes != part.size_bytes:
            raise DatasetDamagedError(dataset, reason="a part of it differs from its manifest")
        if one.columns != stored[0].columns:
            raise DatasetDamagedError(dataset, reason="its parts have different columns")


def result_of(
    manifest: Manifest, stored: Sequence[StoredFile], *, tenant: str, name: str
) -> Dataset:
    """Give the dataset that the manifest and the parts of a job's result are; it is private."""
    return Dataset(
        tenant=tenant,
        name=name,
        version=manifest.version,
        modified=manifest.published,
        private=True,
        columns=stored[0].columns,
        files=tuple(one.file for one in stored),
        owner=manifest.owner,
    )


def unreadable_current(dataset: str) -> DatasetDamagedError:
    """Give the error of a `current` that can't be read."""
    return DatasetDamagedError(dataset, reason="its `current` can't be read")


def unreadable_manifest(dataset: str) -> DatasetDamagedError:
    """Give the error of a manifest that can't be read."""
    return DatasetDamagedError(dataset, reason="its manifest can't be read")


def not_whole(dataset: str) -> DatasetDamagedError:
    """Give the error of a version that `current` names and that isn't there."""
    return DatasetDamagedError(dataset, reason="its current version is not stored whole")


def part_missing(dataset: str) -> DatasetDamagedError:
    """Give the error of a version without one of its parts."""
    return DatasetDamagedError(dataset, reason="a part of it is missing")
