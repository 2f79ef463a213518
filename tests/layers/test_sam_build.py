import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from tests.function_package import MOST_BYTES, ROOT, functions, layers_of, runtime, unpacked_bytes
from tests.template.templates import tool

_SECONDS = 900
_MACHINES = {"x86_64": 62, "arm64": 183}
"""elf(5): EM_X86_64 and EM_AARCH64."""


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that git would have, and nothing that a setup has made beside them."""
    folder = tmp_path_factory.mktemp("clone")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_a_stack_is_built_for_its_processor_from_a_fresh_clone(
    clone: Path, tmp_path: Path, architecture: str
) -> None:
    built = tmp_path / "build"
    command = [str(tool("sam", "sam")), "build", "--build-dir", str(built), "--no-cached"]
    ran = subprocess.run(
        [*command, "--parameter-overrides", f"Architecture={architecture}"],
        cwd=clone,
        check=False,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        env={**os.environ, "PYTHON": sys.executable, "SAM_CLI_TELEMETRY": "0"},
    )
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-4000:]

    assert os.access(built / "WebLayer/penstock-stream", os.X_OK)
    for name, properties in functions().items():
        assert (built / name / "penstock/aws/handlers.py").exists()
        assert not (built / name / "penstock/local").exists()
        folders = [built / name, *(built / layer for layer in layers_of(properties))]
        assert sum(map(unpacked_bytes, folders)) <= MOST_BYTES, name
    libraries = [file for file in built.rglob("*.so*") if file.is_file()]
    assert {_machine(file) for file in libraries} == {_MACHINES[architecture]}
    tags = {found[1] for file in libraries if (found := re.search(r"\.cpython-3(\d+)-", file.name))}
    assert {f"python3.{minor}" for minor in tags} == {runtime()}


def _machine(library: Path) -> int:
    with library.open("rb") as file:
        (machine,) = struct.unpack("<18xH", file.read(20))
    return int(machine)
