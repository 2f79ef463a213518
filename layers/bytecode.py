"""Compiled modules for a start without a compiler: /opt and /var/task can't be written to."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

_LOOK_SECONDS = 30


def compiler(python_version: str) -> str | None:
    """Find an interpreter of this version, as only the same version writes usable bytecode."""
    for name in (sys.executable, f"python{python_version}"):
        found = shutil.which(name)
        if found is not None and _version(found) == python_version:
            return found
    return None


def compile_all(folder: Path, *, interpreter: str, placed_at: str) -> None:
    """Compile every module below a folder, for when the folder stands at `placed_at`.

    The files are trusted without a look at their source's time or content (PEP 552), and are the
    same from build to build.

    Raises subprocess.CalledProcessError if a module doesn't compile.
    """
    command = [interpreter, "-I", "-S", "-m", "compileall", "-q", "-f"]
    placed = ["--invalidation-mode=unchecked-hash", "-s", str(folder), "-p", placed_at]
    subprocess.run(
        [*command, *placed, str(folder)], check=True, env={**os.environ, "PYTHONHASHSEED": "0"}
    )


def _version(interpreter: str) -> str | None:
    look = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        said = subprocess.run(
            [interpreter, "-I", "-S", "-c", look],
            check=False,
            capture_output=True,
            text=True,
            timeout=_LOOK_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return said.stdout.strip() if said.returncode == 0 else None
