"""The files that jobs write, below `{store}/{tenant}/`."""

import errno
import os
import secrets
import stat
from collections.abc import Container, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from penstock.errors import BusyError, InsufficientStorageError, PermanentError
from penstock.local.jobs.output_folders import names_of, open_folder, opened
from penstock.reading.manifest import MANIFEST

_RETRY_SECONDS = 5
_NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
"""Opening a pipe doesn't wait for its writer."""


class FileOutputs:
    """Files open to their owner alone, on a file system that knows hard links.

    A file is written under a hidden name beside its place, made durable, and gets its own name
    then. Where a writer dies before that, the hidden file stays until its folder is removed; nobody
    takes it for a result. Links are not followed below the store.
    """

    def __init__(self, store: Path) -> None:
        self._store = store

    def write(self, tenant: str, path: str, pieces: Iterable[bytes]) -> None:
        *names, name = names_of(tenant, path)
        with self._folder(names) as folder, _beside(folder, name) as (temporary, file):
            # What the pieces raise is theirs: an OSError too.
            for piece in pieces:
                with _translated():
                    _write_all(file, piece)
            with _translated():
                os.fsync(file)
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
                os.fsync(folder)

    def create(self, tenant: str, path: str, content: bytes) -> bool:
        *names, name = names_of(tenant, path)
        with (
            self._folder(names) as folder,
            _beside(folder, name) as (temporary, file),
            _translated(),
        ):
            _write_all(file, content)
            os.fsync(file)
            try:
                os.link(
                    temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False
                )
            except FileExistsError:
                return False
            os.fsync(folder)
            return True

    def read(self, tenant: str, path: str, *, max_bytes: int) -> bytes | None:
        *names, name = names_of(tenant, path)
        with _translated():
            try:
                with opened(self._store, names) as folder:
                    descriptor = os.open(name, _READ, dir_fd=folder)
            except FileNotFoundError:
                return None
            try:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise PermanentError("What stands in a stored file's place is none.")
                with os.fdopen(descriptor, "rb", closefd=False) as file:
                    content = file.read(max_bytes + 1)
            finally:
                os.close(descriptor)
        if len(content) > max_bytes:
            raise PermanentError(f"A stored file is larger than the {max_bytes:,} bytes it may be.")
        return content

    def remove(self, tenant: str, folder: str, *, keep: Container[str] = ()) -> None:
        *names, name = names_of(tenant, folder)
        with _translated():
            try:
                with opened(self._store, names) as parent:
                    _remove_folder(name, within=parent, keep=keep)
            except FileNotFoundError:
                return

    def link(self, tenant: str, path: str, *, file_name: str, seconds: int) -> str | None:  # noqa: ARG002 - the port's
        return None

    @contextmanager
    def _folder(self, names: list[str]) -> Iterator[int]:
        with ExitStack() as stack:
            with _translated():
                folder = stack.enter_context(opened(self._store, names, make=True))
            yield folder


@contextmanager
def _beside(folder: int, name: str) -> Iterator[tuple[str, int]]:
    """Give a new hidden file for the body: its name and descriptor; the name is gone after it."""
    temporary = f".{name}.{secrets.token_hex(8)}.tmp"
    with _translated():
        file = os.open(temporary, _NEW, 0o600, dir_fd=folder)
    try:
        yield temporary, file
    finally:
        os.close(file)
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)


def _write_all(file: int, piece: bytes) -> None:
    left = memoryview(piece)
    while left:
        left = left[os.write(file, left) :]


def _remove_folder(name: str, *, within: int, keep: Container[str], above: str = "") -> None:
    """Remove what stands in a folder, then it too if it is empty; `keep` knows it by `above`."""
    folder = open_folder(name, within=within)
    try:
        if f"{above}{MANIFEST}" not in keep:
            with suppress(FileNotFoundError):
                os.unlink(MANIFEST, dir_fd=folder)
                os.fsync(folder)
        with os.scandir(folder) as listing:
            entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in listing]
        for entry, is_folder in entries:
            if f"{above}{entry}" in keep:
                continue
            # Somebody else may remove it at the same time.
            with suppress(FileNotFoundError):
                if is_folder:
                    _remove_folder(entry, within=folder, keep=keep, above=f"{above}{entry}/")
                else:
                    os.unlink(entry, dir_fd=folder)
    finally:
        os.close(folder)
    try:
        os.rmdir(name, dir_fd=within)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    os.fsync(within)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise InsufficientStorageError from error
        raise BusyError(
            f"The store can't be written just now: try again in {_RETRY_SECONDS} s.",
            retry_after_seconds=_RETRY_SECONDS,
        ) from error
