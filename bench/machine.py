"""The machine that a run is made on, and what was installed there."""

import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path

BUSY_AFTER = 1.5
"""Load for each core at the end of a run beyond which it can't all be this benchmark's own."""


def facts(packages: Iterable[str], *, load: float) -> dict[str, object]:
    """Tell of processor, system and versions; a package that isn't there has none."""
    versions: dict[str, str | None] = {}
    for name in packages:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load_before": load,
        "versions": versions,
    }


def described(machine: Mapping[str, object]) -> str:
    """Name it in one line."""
    return (
        f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, "
        f"{machine['system']}"
    )


def doubts(load: float) -> Iterator[str]:
    """Give a line for each sign that others used the machine; `load` is that before the run."""
    if load > 0.5 * (os.cpu_count() or 1):
        yield f"The machine was busy when this run began (load {load:.1f}): numbers are noisy."
    after = os.getloadavg()[0]
    if after > BUSY_AFTER * (os.cpu_count() or 1):
        yield f"Other programs ran meanwhile (load {after:.1f} at the end): numbers are noisy."


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()
