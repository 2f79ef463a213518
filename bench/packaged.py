"""The download function as a command: its package, built for this interpreter, or this checkout."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests import function_package

DOWNLOAD = "penstock.aws.handlers.download"
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """How a function's process is started, and what is to be said of it."""

    command: tuple[str, ...]
    variables: Mapping[str, str]
    said: str


def packaged(folder: Path) -> Program:
    """Give the function as Lambda unpacks it: code and its layers, and nothing of the venv.

    Builds them into `folder` and build/layers, unless the layers are there from an earlier run.
    Raises AssertionError where they can't be built.
    """
    built = function_package.built(folder / "code")
    version = f"python{function_package.PYTHON_VERSION}"
    # Without site-packages: what the layers don't hold is not there.
    python = folder / version
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    python.chmod(0o755)
    layers = function_package.layers_of(function_package.functions()["DownloadFunction"])
    folders = [built.code, *(built.layers[name] for name in layers)]
    size = sum(map(function_package.unpacked_bytes, folders))
    _leave_to_be_read(built.opt)
    return Program(
        command=(str(built.opt / "penstock-stream"), str(python), "/var/runtime/bootstrap.py"),
        variables={"LAMBDA_TASK_ROOT": str(built.code), "PYTHONDONTWRITEBYTECODE": "1"},
        said=f"code and layers as deployed, {size / 2**20:,.0f} MiB unzipped, for {version}",
    )


def _leave_to_be_read(folder: Path) -> None:
    """Have the system forget what it keeps of files, so that they are read as on a fresh machine.

    A file that was written in one piece is kept in huge pages, each of which counts as resident
    once a byte of it is read: 60 MB more than of files that were read.
    """
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
                os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def installed() -> Program:
    """Give the function as it is installed in this venv."""
    return Program(
        command=(sys.executable, "-m", "penstock.aws.runtime.loop"),
        variables={"PATH": os.environ["PATH"]},
        said="as installed in this venv",
    )
