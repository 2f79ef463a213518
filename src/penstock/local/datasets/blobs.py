"""Stored objects as files."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from penstock.errors import DatasetChangedError
from penstock.local.datasets.stored import identity_of
from penstock.model.dataset import DataFile, name_of_file

PIECE_BYTES = 65_536


class FileBlobs:
    """Files by their path; a file that is rewritten in place while it is read ends the read."""

    def read(self, file: DataFile, *, start: int, stop: int) -> Iterator[bytes]:
        try:
            # A pipe in the file's place must not make the reader wait for a writer.
            descriptor = os.open(
                file.location, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
            )
        except OSError as error:
            raise _changed(file) from error
        try:
            opened = os.fstat(descriptor)
            if not _is_described(opened, file):
                raise _changed(file)
            place = start
            while place < stop:
                piece = os.pread(descriptor, min(PIECE_BYTES, stop - place), place)
                if not piece or _content_of(os.fstat(descriptor)) != _content_of(opened):
                    raise _changed(file)
                place += len(piece)
                yield piece
        finally:
            os.close(descriptor)

    def link(self, file: DataFile, *, file_name: str, seconds: int) -> str | None:  # noqa: ARG002 - the port's
        return None


def _is_described(opened: os.stat_result, file: DataFile) -> bool:
    return (
        stat.S_ISREG(opened.st_mode)
        and opened.st_size == file.size_bytes
        and file.identity in ("", identity_of(opened))
    )


def _content_of(status: os.stat_result) -> tuple[int, int]:
    # Not the time of change: that is new, too, once another file has taken this one's name.
    return status.st_size, status.st_mtime_ns


def _changed(file: DataFile) -> DatasetChangedError:
    return DatasetChangedError(name_of_file(Path(file.location).name))
