"""Owners: which process of this machine holds a lease, and whether it is alive."""

import os
from functools import cache
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")
"""A link that names the process ids' namespace: those of another one are other processes
(pid_namespaces(7)). Containers of one machine share its boot, and each has a namespace."""
_STARTED_FIELD = 19
"""Where /proc/PID/stat holds the start time, counted behind the command's name (proc(5), field 22);
a process id alone may be another process's by now."""


def this_owner() -> str:
    """Name this process so that another one of this machine can tell whether it lives."""
    return f"{_boot()}/{os.getpid()}/{_started(os.getpid())}/{_namespace()}"


def this_clock() -> str:
    """Name the clock that `time.monotonic` counts by: this boot's, in each process of this machine.

    Where boots can't be told apart, it is this process's own.
    """
    return _boot() or this_owner()


def is_dead(owner: str) -> bool:
    """Whether the process of an owner is known to have ended.

    One of another machine, boot or container isn't known, nor one that an older version named,
    which didn't tell the container.
    """
    found = _of_here(owner)
    if found is None:
        return False
    pid, started = found
    return _started(pid) != started


def is_process(owner: str, pid: int) -> bool:
    """Whether an owner is the process that has this id here, and lives."""
    return _of_here(owner) == (pid, _started(pid))


def _of_here(owner: str) -> tuple[int, str] | None:
    """Read a process's id and start; None where it isn't known to be of this boot and container."""
    boot, pid, started, namespace, *_ = (*owner.split("/"), "", "", "", "")
    if not boot or boot != _boot() or not namespace or namespace != _namespace():
        return None
    return (int(pid), started) if pid.isdecimal() and started else None


@cache
def _boot() -> str:
    """Tell this boot of this machine from all others; empty where there is no telling."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""


def _namespace() -> str:
    """Tell the namespace of this process's id; empty where there is no telling."""
    try:
        return str(_NAMESPACE.stat().st_ino)
    except OSError:
        return ""


def _started(pid: int) -> str:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    # The command's name stands in parentheses, and may hold some of its own.
    state, *fields = status.rpartition(")")[2].split()
    # A process whose parent hasn't taken notice of its end is still listed, as a zombie.
    return "" if state in "ZX" else fields[_STARTED_FIELD - 1]
