"""Folders of a tenant's place in a store, reached by names alone: no link is followed."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from penstock.errors import PermanentError
from penstock.model.tenant import is_tenant_id

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
"""Leaves room for what a hidden name beside it adds, within the 255 bytes of most file systems."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def names_of(tenant: str, path: str) -> tuple[str, ...]:
    """Split a tenant's path into names, the tenant's first.

    Raises PermanentError unless each is one of plain characters that begins with a letter or digit:
    nothing absolute, hidden or above passes.
    """
    names = tuple(path.split("/"))
    if not is_tenant_id(tenant) or not all(map(_NAME.fullmatch, names)):
        raise PermanentError("A file can't be stored at the path that this job gives it.")
    return (tenant, *names)


@contextmanager
def opened(root: Path, names: Sequence[str], *, make: bool = False) -> Iterator[int]:
    """Open the folder at `names` below `root` for the body; gives its descriptor.

    With `make`, missing folders are made, open to their owner alone, durably. Raises OSError:
    FileNotFoundError where one is missing, others where one of `names` is a link or no folder.
    """
    if make:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names:
            if make:
                _make(name, within=folder)
            inner = open_folder(name, within=folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def open_folder(name: str, *, within: int) -> int:
    """Open a folder in another one; raises OSError where there is none, or a link."""
    return os.open(name, _FOLDER, dir_fd=within)


def _make(name: str, *, within: int) -> None:
    with suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=within)
        os.fsync(within)
