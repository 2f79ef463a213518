"""Stored files: what a path really names, which content it has now, and what its footer says."""

import hashlib
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

from penstock.errors import DatasetDamagedError, UnknownDatasetError
from penstock.model.dataset import DataFile
from penstock.reading.describe import describe_file
from penstock.reading.engine import Engine
from penstock.reading.naming import unusable_location
from penstock.reading.stored_file import KnownFooters, StoredFile

_ATTEMPTS = 3
_LATEST_SECOND = 253_402_300_799
"""The end of the year 9999, where datetime ends."""


def identity_of(status: os.stat_result) -> str:
    """Give 32 characters of base16 that another file, or another content, does not have.

    The time of change is in it: it also differs where a file was rewritten to the same size, got
    its old time of modification and the old one's inode.
    """
    facts = (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]


def is_unchanged(file: DataFile) -> bool:
    """Whether the file at this place is still the one that was described."""
    try:
        return identity_of(os.lstat(file.location)) == file.identity
    except OSError:
        return False


def settled(path: Path, *, within: Path) -> Path | None:
    """Follow a link to its real path, None if it leads outside `within`, nowhere or in a circle.

    `within`, and the folder that `path` stands in, are real paths themselves.
    """
    if not path.is_symlink():
        return path
    real = real_path(path)
    return real if real is not None and real.is_relative_to(within) else None


def real_path(path: Path) -> Path | None:
    """Follow every link of a path, None if there is nothing at its end."""
    try:
        return path.resolve(strict=True)
    except (OSError, RuntimeError):  # Python before 3.13 raises RuntimeError for a circle
        return None


def read_small(path: Path, *, within: Path, max_bytes: int) -> bytes:
    """Read a whole regular file.

    Raises OSError if it is none, leads outside `within`, is larger, or can't be read.
    """
    place = settled(path, within=within)
    if place is None:
        raise PermissionError("it leads outside its folder")
    # A pipe must not make the reader wait for a writer.
    descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise PermissionError("it is no regular file")
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise PermissionError(f"it is larger than {max_bytes} bytes")
    return content


class Descriptions:
    """Stored files with what their footers say, each read once (KnownFooters). Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known = KnownFooters()

    def describe(self, path: Path, *, dataset: str) -> StoredFile:
        """Describe the file at a real path.

        Raises UnknownDatasetError if there is none, and DatasetDamagedError if it is no regular
        file, can't be read, or is being written.
        """
        location = str(path)
        for _ in range(_ATTEMPTS):
            try:
                status = os.lstat(location)
            except OSError as error:
                raise UnknownDatasetError(dataset) from error
            if not stat.S_ISREG(status.st_mode):
                raise DatasetDamagedError(dataset, reason=_what_it_is(status))
            identity = identity_of(status)
            description = self._known.find(location, identity)
            if description is None:
                _refuse_unusable_path(location, dataset=dataset)
                description = describe_file(self._engine, dataset=dataset, location=location)
                if not _is_still(location, identity):
                    continue
                self._known.add(location, identity, description)
            columns, row_groups = description
            return StoredFile(
                file=DataFile(
                    location=location,
                    size_bytes=status.st_size,
                    row_groups=row_groups,
                    identity=identity,
                ),
                columns=columns,
                modified=modified(status),
            )
        raise DatasetDamagedError(dataset, reason="it is being written just now")


def modified(status: os.stat_result) -> datetime:
    """Give a file's time of modification; one that no calendar has becomes the nearest."""
    return datetime.fromtimestamp(min(max(status.st_mtime, 0), _LATEST_SECOND), UTC)


def _is_still(location: str, identity: str) -> bool:
    try:
        return identity_of(os.lstat(location)) == identity
    except OSError:
        return False


def _what_it_is(status: os.stat_result) -> str:
    what = "a folder" if stat.S_ISDIR(status.st_mode) else "a link, a pipe or a device"
    return f"it is {what}, and not a file"


def _refuse_unusable_path(location: str, *, dataset: str) -> None:
    if error := unusable_location(location, dataset=dataset):
        raise error
    try:
        location.encode()
    except UnicodeEncodeError as error:
        raise DatasetDamagedError(
            dataset, reason="its path is not UTF-8 and can't be used: rename it"
        ) from error
