"""A lean process: what a server leaves out or sets so that its memory stays flat."""

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_M_ARENA_MAX = -8
"""malloc.h of glibc: the number of heaps that threads share."""

_ARENAS = 2
_REMOTE_FILES = tuple(f"pyarrow.{name}" for name in ("_azurefs", "_gcsfs", "_hdfs", "_s3fs"))
_SWITCH_SECONDS = 0.001
_TRIM_SECONDS = 0.5
_TRIM_FROM_BYTES = 230_000_000
"""Resident; below it a download is quicker with memory that stays at hand: a trim gives it back,
and each page of it is then asked for again."""


def leave_out_unused() -> None:
    """Keep pandas, NumPy and Arrow's ways to remote files from being loaded, for 108 MB.

    DuckDB loads pandas as soon as a value is bound, and Arrow loads NumPy at import, where they are
    installed; with Parquet it loads a client of each cloud. Both take an absence as it comes, and
    nothing of the service uses what is absent. To be called before either is imported.
    """
    for name in ("pandas", "numpy", *_REMOTE_FILES):
        sys.modules.setdefault(name, None)  # type: ignore[arg-type] # how an import is blocked


def share_one_heap() -> None:
    """Let Arrow and the engine allocate from one pool with few heaps.

    Threads come and go with downloads: with a pool of Arrow's own and a heap for each thread,
    what one of them has freed isn't there for the next, and 40 MB more stay in use. Without glibc
    only the pool is set.
    """
    import pyarrow as pa  # noqa: PLC0415 - after leave_out_unused

    pa.set_memory_pool(pa.system_memory_pool())
    if sys.platform == "linux":
        try:
            ctypes.CDLL("libc.so.6").mallopt(_M_ARENA_MAX, _ARENAS)
        except OSError:
            return


def take_short_turns() -> None:
    """Let threads take turns of a millisecond.

    Stages of a stream hand batches over often: a shorter turn keeps both cores busy.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)


@contextmanager
def keep_trimmed() -> Iterator[None]:
    """Give memory that is free back to the system while much is resident and the body runs.

    A heap that several threads share is free in its middle and used at its end: without this it
    only grows.
    """
    if sys.platform != "linux":
        yield
        return
    try:
        trim = ctypes.CDLL("libc.so.6").malloc_trim
    except (OSError, AttributeError):
        yield
        return
    stopped = threading.Event()

    def run() -> None:
        while not stopped.wait(_TRIM_SECONDS):
            if _resident_bytes() > _TRIM_FROM_BYTES:
                trim(0)

    thread = threading.Thread(target=run, name="trimming", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def _resident_bytes() -> int:
    _, resident, *_ = Path("/proc/self/statm").read_text().split()
    return int(resident) * os.sysconf("SC_PAGE_SIZE")
