"""Versions of a dataset in a folder (reading/manifest.py says what stands where)."""

from pathlib import Path

from penstock.errors import DatasetDamagedError, UnknownDatasetError
from penstock.local.datasets.stored import Descriptions, read_small, settled
from penstock.model.manifest import Manifest
from penstock.reading.manifest import (
    CURRENT,
    MANIFEST,
    MAX_CURRENT_BYTES,
    MAX_MANIFEST_BYTES,
    is_version,
    parse_current,
    parse_manifest,
    part_missing,
    refuse_other_parts,
    unreadable_current,
    unreadable_manifest,
)
from penstock.reading.stored_file import StoredFile


def current_version(folder: Path, *, within: Path, dataset: str) -> str:
    """Give the version that a dataset's folder (a real path) says is served.

    Raises DatasetDamagedError if `current` can't be read or names no version.
    """
    try:
        content = read_small(folder / CURRENT, within=within, max_bytes=MAX_CURRENT_BYTES)
    except OSError as error:
        raise unreadable_current(dataset) from error
    return parse_current(content, dataset=dataset)


def read_manifest(
    folder: Path, version: str, *, within: Path, dataset: str
) -> tuple[Path, Manifest] | None:
    """Give a version's own folder, as a real path, and its manifest; None if it isn't stored.

    Raises DatasetDamagedError if the manifest can't be read or is another version's.
    """
    if not is_version(version):
        return None
    place = settled(folder / version, within=within)
    if place is None:
        raise DatasetDamagedError(dataset, reason="a version of it leads outside its folder")
    try:
        content = read_small(place / MANIFEST, within=within, max_bytes=MAX_MANIFEST_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise unreadable_manifest(dataset) from error
    return place, parse_manifest(content, version=version, dataset=dataset)


def stored_parts(
    descriptions: Descriptions, place: Path, manifest: Manifest, *, within: Path, dataset: str
) -> list[StoredFile]:
    """Describe the parts that a manifest names, in its own folder (a real path).

    Raises DatasetDamagedError if they aren't those of the manifest, or one of them leads out of
    `within`.
    """
    stored: list[StoredFile] = []
    for part in manifest.parts:
        location = settled(place / part.name, within=within)
        if location is None:
            raise DatasetDamagedError(dataset, reason="a part of it leads outside its folder")
        try:
            stored.append(descriptions.describe(location, dataset=dataset))
        except UnknownDatasetError as error:
            raise part_missing(dataset) from error
    refuse_other_parts(manifest, stored, dataset=dataset)
    return stored
