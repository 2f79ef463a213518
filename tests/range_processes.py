"""The processes that read ranges for one of this machine, as the system lists them."""

import time
from collections.abc import Iterator
from pathlib import Path

PATIENCE_SECONDS = 20
_LOOK_SECONDS = 0.02
_PARENT_FIELD = 1


def readers_of(worker: int) -> list[int]:
    """Give the ids of the processes that a worker has started to read ranges."""
    return [pid for pid, parent in _processes() if parent == worker]


def await_end_of(pids: list[int]) -> bool:
    """Tell whether processes end in time, whosever they have become."""
    latest = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < latest:
        if not {pid for pid, _ in _processes()} & set(pids):
            return True
        time.sleep(_LOOK_SECONDS)
    return False


def _processes() -> Iterator[tuple[int, int]]:
    for place in Path("/proc").glob("[0-9]*"):
        try:
            command = (place / "cmdline").read_bytes()
            behind_name = (place / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if b"penstock.local.jobs.range_process" in command:
            yield int(place.name), int(behind_name[_PARENT_FIELD])
