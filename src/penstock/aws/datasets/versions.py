"""Versions of a dataset in a bucket (reading/manifest.py says what stands where)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from penstock.aws.datasets.stored import Descriptions
from penstock.aws.services.bucket import Bucket, ObjectHead
from penstock.aws.services.ttl_cache import TtlCache
from penstock.errors import UnknownDatasetError, VersionGoneError
from penstock.model.manifest import Manifest
from penstock.reading.manifest import (
    CURRENT,
    MANIFEST,
    MAX_CURRENT_BYTES,
    MAX_MANIFEST_BYTES,
    is_version,
    not_whole,
    parse_current,
    parse_manifest,
    part_missing,
    refuse_other_parts,
    unreadable_current,
    unreadable_manifest,
)
from penstock.reading.stored_file import StoredFile

_VERSIONS_KEPT = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version with its parts, in their order."""

    manifest: Manifest
    parts: tuple[StoredFile, ...]


class Versions:
    """Reads versions; thread-safe. What one consists of is remembered for `seconds`."""

    def __init__(
        self,
        bucket: Bucket,
        descriptions: Descriptions,
        *,
        seconds: float,
        now: Callable[[], datetime],
    ) -> None:
        self._bucket = bucket
        self._descriptions = descriptions
        self._known: TtlCache[Version | None] = TtlCache(
            seconds=seconds, most=_VERSIONS_KEPT, now=now
        )

    def read(self, folder: str, *, dataset: str, wanted: str | None) -> Version:
        """Read the version that `current` names, or the wanted one; `current` is always asked.

        Raises UnknownDatasetError if there is no `current`, VersionGoneError, DatasetDamagedError
        and BusyError.
        """
        try:
            content = self._bucket.small(f"{folder}{CURRENT}", max_bytes=MAX_CURRENT_BYTES)
        except ValueError as error:
            raise unreadable_current(dataset) from error
        if content is None:
            raise UnknownDatasetError(dataset)
        current = parse_current(content, dataset=dataset)
        version = current if wanted is None else wanted
        key = f"{folder}{version}/"
        found = None
        if is_version(version):
            found = self._known.get(key, lambda: self._read(key, version, dataset))
        if found is None:
            # It may be published just now.
            self._known.forget(key)
            raise (
                VersionGoneError(version, current=current)
                if version != current
                else (not_whole(dataset))
            )
        return found

    def _read(self, key: str, version: str, dataset: str) -> Version | None:
        try:
            content = self._bucket.small(f"{key}{MANIFEST}", max_bytes=MAX_MANIFEST_BYTES)
        except ValueError as error:
            raise unreadable_manifest(dataset) from error
        if content is None:
            return None
        manifest = parse_manifest(content, version=version, dataset=dataset)
        parts = stored_parts(self._bucket, self._descriptions, key, manifest, dataset=dataset)
        return Version(manifest=manifest, parts=parts)


def stored_parts(
    bucket: Bucket, descriptions: Descriptions, folder: str, manifest: Manifest, *, dataset: str
) -> tuple[StoredFile, ...]:
    """Describe the parts that a manifest names, below its folder (a key's beginning, with `/`).

    Raises DatasetDamagedError if they aren't those of the manifest, DatasetChangedError and
    BusyError.
    """
    listed: dict[str, ObjectHead] = {
        each.object.key: each for page in bucket.pages(folder) for each in page.objects
    }
    parts: list[StoredFile] = []
    for part in manifest.parts:
        stored = listed.get(f"{folder}{part.name}")
        if stored is None:
            raise part_missing(dataset)
        parts.append(descriptions.describe(stored, dataset=dataset))
    refuse_other_parts(manifest, parts, dataset=dataset)
    return tuple(parts)
