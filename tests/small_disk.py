"""A disk that is full when a test says so."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PIECE = bytes(65_536)


@dataclass
class Disk:
    """A folder on a disk; `is_own` says that it is a small file system of its own.

    Where none can be mounted, the process may not make any file longer instead: everything of it
    is without room then.
    """

    folder: Path
    is_own: bool

    def fill(self) -> None:
        """Leave no room; filling twice changes nothing."""
        if not self.is_own:
            _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
            return
        with (self.folder / "filler").open("ab", buffering=0) as filler:
            for size in (len(_PIECE), 4096, 1):
                try:
                    while filler.write(_PIECE[:size]) == size:
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        """Have room again; a disk that isn't full stays as it is."""
        if not self.is_own:
            _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
            return
        (self.folder / "filler").unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, *, size_bytes: int) -> Iterator[Disk]:
    """Mount a small file system on a folder for the body, where this process may."""
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={size_bytes},mode=0700"
    # Who isn't root, or is root of a container, may not mount.
    is_own = (
        os.geteuid() == 0
        and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "penstock-tests", str(folder)],
            capture_output=True,
            check=False,
        ).returncode
        == 0
    )
    disk = Disk(folder, is_own)
    try:
        yield disk
    finally:
        disk.free()
        if is_own:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
