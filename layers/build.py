"""Build what one Lambda layer or function holds: `python -m layers.build --help`."""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from layers import bytecode, elf, wheels
from layers.left_out import StalePatternError, leave_out
from layers.operations import UnknownOperationError, keep_operations

_HERE = Path(__file__).parent
_SOURCE = _HERE.parent / "src"
_FUNCTION = "function"


def build_layer(
    name: str, artifacts: Path, *, python_version: str, architecture: wheels.Architecture
) -> None:
    """Fill a layer's folder, which Lambda unpacks at /opt, from the locked wheels of `name`.

    Raises subprocess.CalledProcessError, StalePatternError and UnknownOperationError.
    """
    layer = _HERE / name
    packages = artifacts / "python"
    shutil.rmtree(packages, ignore_errors=True)
    wheels.install(
        layer / "requirements.txt",
        packages,
        python_version=python_version,
        architecture=architecture,
    )
    leave_out(packages, layer / "left-out.txt")
    if (layer / "operations.txt").exists():
        keep_operations(packages / "botocore" / "data", layer / "operations.txt")
    for library in packages.rglob("*.so*"):
        if not library.is_symlink():
            elf.strip(library)
    _compile(packages, python_version=python_version, placed_at="/opt/python")


def build_function(artifacts: Path, *, python_version: str) -> None:
    """Fill a function's folder, which Lambda unpacks at /var/task, with what of us runs there."""
    shutil.copytree(
        _SOURCE / "penstock",
        artifacts / "penstock",
        ignore=shutil.ignore_patterns("__pycache__"),
        dirs_exist_ok=True,
    )
    leave_out(artifacts, _HERE / _FUNCTION / "left-out.txt")
    _compile(artifacts, python_version=python_version, placed_at="/var/task")


def main(arguments: Sequence[str] | None = None) -> None:
    """Build what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m layers.build", description=__doc__)
    parser.add_argument("what", help="a folder below layers/: engine, web, database or function")
    parser.add_argument("--artifacts", type=Path, required=True, help="the folder to fill")
    parser.add_argument("--python-version", required=True, help="the functions' Python: 3.13")
    parser.add_argument("--architecture", choices=["x86_64", "arm64"], help="of a layer")
    given = parser.parse_args(arguments)
    if given.what != _FUNCTION and given.architecture is None:
        parser.error("a layer needs --architecture")
    try:
        if given.what == _FUNCTION:
            build_function(given.artifacts, python_version=given.python_version)
        else:
            build_layer(
                given.what,
                given.artifacts,
                python_version=given.python_version,
                architecture=given.architecture,
            )
    except (subprocess.CalledProcessError, StalePatternError, UnknownOperationError) as error:
        sys.exit(f"layers/{given.what} was not built: {error}")


def _compile(folder: Path, *, python_version: str, placed_at: str) -> None:
    interpreter = bytecode.compiler(python_version)
    if interpreter is None:
        print(
            f"No Python {python_version} is here, so modules are not compiled: functions work, "
            "but each cold start compiles them and takes about twice as long.",
            file=sys.stderr,
        )
        return
    bytecode.compile_all(folder, interpreter=interpreter, placed_at=placed_at)


if __name__ == "__main__":
    main()
