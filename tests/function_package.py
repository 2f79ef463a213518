"""A function as Lambda unpacks it, built for the interpreter that runs the tests."""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.aws.invoke.cloudformation import read_document

ROOT = Path(__file__).parent.parent
PYTHON_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}.get(platform.machine(), "")

MOST_BYTES = 245 * 2**20
"""Lambda takes 250 MiB unpacked, which its quotas call MB; the rest is left for what is to come."""

LAYERS = ("EngineLayer", "WebLayer", "DatabaseLayer")
_KEPT = ROOT / "build" / "layers"
_BUILD_SECONDS = 900
_RUN_SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionPackage:
    """The folders of a function; `opt` is all layers, one over the other, as Lambda lays them."""

    layers: Mapping[str, Path]
    """By their names in the template."""
    opt: Path
    code: Path

    @property
    def path(self) -> list[str]:
        """Where a function finds modules, first of all: /var/task, then /opt/python."""
        return [str(self.code), str(self.opt / "python")]

    def run(
        self,
        program: str,
        *arguments: str,
        variables: Mapping[str, str] | None = None,
        layers: Sequence[str] | None = None,
    ) -> str:
        """Run a program that sees this package and the standard library; gives what it prints.

        `variables` are its whole environment, instead of that of the tests. With `layers`, it sees
        these alone.
        """
        path = self.path
        if layers is not None:
            path = [str(self.code), *(str(self.layers[name] / "python") for name in layers)]
        # -I and -S: neither the environment nor the packages around the tests have a say.
        given = f"import sys; sys.path[:0] = {path!r}\n{program}"
        command = [sys.executable, "-I", "-S", "-B", "-c", given, *arguments]
        return _run(command, _RUN_SECONDS, variables)


def runtime() -> str:
    """Name the runtime that the template's functions have."""
    document = read_document(ROOT / "template.yaml")
    return str(document["Globals"]["Function"]["Runtime"])


def functions() -> dict[str, dict[str, Any]]:
    """Give the properties of each function that template.yaml describes, by its name there."""
    return {
        name: each["Properties"]
        for name, each in read_document(ROOT / "template.yaml")["Resources"].items()
        if each["Type"] == "AWS::Serverless::Function"
    }


def layers_of(function: Mapping[str, Any]) -> list[str]:
    """Name the layers of the template that a function always has."""
    return [layer["Ref"] for layer in function.get("Layers", []) if "Ref" in layer]


def unpacked_bytes(folder: Path) -> int:
    """Add up what the files of a folder hold, as Lambda's limit counts them."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def build(target: str, artifacts: Path, **variables: str) -> None:
    """Run a target of the makefiles, by default for this interpreter, as `sam build` does."""
    given = {
        "ARTIFACTS_DIR": str(artifacts),
        "PYTHON": sys.executable,
        "PYTHON_VERSION": PYTHON_VERSION,
        "ARCHITECTURE": ARCHITECTURE,
        **variables,
    }
    words = [f"{name}={value}" for name, value in given.items()]
    _run(["make", "--silent", "-f", str(ROOT / "layers/Makefile"), target, *words], _BUILD_SECONDS)


def built(code: Path) -> FunctionPackage:
    """Build the code into a folder, and the layers unless they are kept from an earlier run."""
    build("build-DownloadFunction", code)
    kept = _KEPT / f"{PYTHON_VERSION}-{_fingerprint()}"
    if not kept.exists():
        _build_layers(kept)
    layers = {name: kept / name for name in LAYERS}
    return FunctionPackage(layers=layers, opt=kept / "opt", code=code)


def _build_layers(kept: Path) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix="unfinished-") as folder:
        whole = Path(folder) / "whole"
        for name in LAYERS:
            build(f"build-{name}", whole / name)
            shutil.copytree(whole / name, whole / "opt", copy_function=os.link, dirs_exist_ok=True)
        try:
            whole.rename(kept)
        except OSError:
            if not kept.exists():  # else another run was quicker
                raise


def _fingerprint() -> str:
    """Tell builds apart that what stands below layers/ makes different."""
    digest = hashlib.sha256(ARCHITECTURE.encode())
    for file in sorted(_sources()):
        digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _sources() -> Iterator[Path]:
    for file in (ROOT / "layers").rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts:
            yield file


def _run(command: Sequence[str], seconds: float, variables: Mapping[str, str] | None = None) -> str:
    ran = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=seconds, env=variables
    )
    assert ran.returncode == 0, f"{command[:6]}\n{ran.stdout[-2000:]}\n{ran.stderr[-4000:]}"
    return ran.stdout
