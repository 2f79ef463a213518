"""Versions of a dataset: `{dataset}/{version}/part-*.parquet`, a manifest, and `current`.

A version is whole once its `manifest.json` is there, which is written last:

    {"version": "20240501T120000Z", "published": "2024-05-01T12:00:00Z",
     "parts": [{"name": "part-00000.parquet", "size_bytes": 1234}]}

`{dataset}/current` holds the name of the version that is served, and is replaced atomically.
"""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from penstock.errors import DatasetDamagedError
from penstock.local.stored import read_small, settled

CURRENT = "current"
MANIFEST = "manifest.json"

_VERSION = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAX_CURRENT_BYTES = 256
_MAX_MANIFEST_BYTES = 16_000_000


class Part(BaseModel):
    """One file of a version."""

    model_config = ConfigDict(frozen=True)

    name: Annotated[str, Field(pattern=r"^part-[A-Za-z0-9_-]{1,100}\.parquet$")]
    size_bytes: NonNegativeInt


class Manifest(BaseModel):
    """What a version consists of; its rows are those of its parts, in this order."""

    model_config = ConfigDict(frozen=True)

    version: str
    published: AwareDatetime
    parts: Annotated[tuple[Part, ...], Field(min_length=1)]


def is_version(text: str) -> bool:
    """Whether a version may have this name (1 to 64 of `A-Za-z0-9_-`, and not `current`)."""
    return _VERSION.fullmatch(text) is not None and text != CURRENT


def current_version(folder: Path, *, within: Path, dataset: str) -> str:
    """Give the version that a dataset's folder (a real path) says is served.

    Raises DatasetDamagedError if `current` can't be read or names no version.
    """
    try:
        content = read_small(folder / CURRENT, within=within, max_bytes=_MAX_CURRENT_BYTES)
        version = content.decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetDamagedError(dataset, reason="its `current` can't be read") from error
    if not is_version(version):
        raise DatasetDamagedError(dataset, reason="its `current` names no version")
    return version


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
        content = read_small(place / MANIFEST, within=within, max_bytes=_MAX_MANIFEST_BYTES)
        manifest = Manifest.model_validate_json(content)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValidationError) as error:
        raise DatasetDamagedError(dataset, reason="its manifest can't be read") from error
    if manifest.version != version:
        raise DatasetDamagedError(dataset, reason="its manifest is another version's")
    return place, manifest
