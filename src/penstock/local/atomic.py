"""Files that are whole or not there: written beside their place and moved into it."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock.errors import SetupError


def private_folder(path: Path) -> None:
    """Make sure that a folder is there; a new one is open to its owner alone (0700).

    Raises SetupError if it can't be made.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"{path} can't be made: {error.strerror}.") from error


def replace_file(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Put `content` at `path`, durably: every reader sees the old file or the new one, whole.

    A link at `path` stays and what it names is replaced. Raises SetupError if it can't be written;
    the old file is untouched then.
    """
    place = path.resolve()
    try:
        with _beside(place) as (descriptor, temporary):
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), mode)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(place)
        sync_folder(place.parent)
    except OSError as error:
        raise SetupError(f"{path} can't be written: {error.strerror}.") from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Hold an advisory lock, between threads and between processes; waits until it is free.

    The lock file is made when missing and stays. Raises SetupError if it can't be made.
    """
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SetupError(f"{lock} can't be made: {error.strerror}.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _beside(place: Path) -> Iterator[tuple[int, Path]]:
    descriptor, name = tempfile.mkstemp(prefix=f".{place.name}.", suffix=".tmp", dir=place.parent)
    temporary = Path(name)
    try:
        yield descriptor, temporary
    finally:
        temporary.unlink(missing_ok=True)
