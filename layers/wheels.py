"""Wheels of a layer: those that a function's Python and processor take, and their install."""

import subprocess
import sys
from pathlib import Path
from typing import Literal, TypeAlias

Architecture: TypeAlias = Literal["x86_64", "arm64"]
"""As AWS names them."""

_NEWEST_GLIBC = 34
"""Amazon Linux 2023, which Python 3.12 and newer run on, has glibc 2.34."""
_OLDEST_GLIBC = 17
_OLDER_NAMES = ("manylinux2014", "manylinux_2_12", "manylinux2010", "manylinux_2_5", "manylinux1")
_MACHINES: dict[Architecture, str] = {"x86_64": "x86_64", "arm64": "aarch64"}


def choosing(*, python_version: str, architecture: Architecture) -> list[str]:
    """Give pip's arguments that choose wheels for a function instead of for the host.

    Every platform is named, newest first: what pip takes then depends on no version of pip.
    """
    machine = _MACHINES[architecture]
    glibc = (f"manylinux_2_{minor}" for minor in range(_NEWEST_GLIBC, _OLDEST_GLIBC - 1, -1))
    return [
        "--only-binary=:all:",
        "--implementation=cp",
        f"--python-version={python_version}",
        *(f"--platform={name}_{machine}" for name in (*glibc, *_OLDER_NAMES)),
    ]


def install(
    requirements: Path, folder: Path, *, python_version: str, architecture: Architecture
) -> None:
    """Lay out the locked wheels in a folder, each checked against its hash; nothing is compiled.

    Raises subprocess.CalledProcessError if one can't be had.
    """
    chosen = choosing(python_version=python_version, architecture=architecture)
    locked = ["--no-deps", "--require-hashes", f"--requirement={requirements}"]
    pip("install", *chosen, *locked, "--no-compile", f"--target={folder}")


def pip(command: str, *arguments: str) -> None:
    """Run a command of pip, quietly. Raises subprocess.CalledProcessError if it fails."""
    quietly = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-warn-conflicts"]
    subprocess.run([sys.executable, "-m", "pip", command, *quietly, *arguments], check=True)
