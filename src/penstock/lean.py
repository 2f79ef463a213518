"""A lean process: what a server leaves out or sets so that its memory stays flat."""

import ctypes
import gc
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_M_ARENA_MAX = -8
"""malloc.h of glibc: the number of heaps that threads share."""
_ENGINE_ALLOCATOR = "DUCKDB_JE_MALLOC_CONF"
"""Read by the engine's own allocator, a jemalloc, when the engine is loaded:
https://jemalloc.net/jemalloc.3.html#tuning."""
_MADV_DONTNEED = 4
"""madvise(2)"""
_MAPPING = re.compile(r"[0-9a-f]+-[0-9a-f]+ ")
_CODE = re.compile(
    r"([0-9a-f]+)-([0-9a-f]+) r-(?:xp \S+ \S+ [0-9]+ +/|-p \S+ \S+ [0-9]+ +/.*\.so(?:\.[0-9.]+)?$)"
)
"""proc_pid_maps(5): what of a file is read and run, and not written; of libraries also what is only
read. Other files may be unmapped meanwhile, and their addresses be another's."""

_LOADING_SECONDS = 0.1
"""For longer than the loader takes to put a library's mappings into their places."""
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


def stop_leaving_out_numpy() -> None:
    """Let NumPy be found again, once Arrow was imported without it.

    psycopg takes the mark of its absence for NumPy itself.
    """
    if sys.modules.get("numpy", sys) is None:
        del sys.modules["numpy"]


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
        except (OSError, AttributeError):
            return


def have_engine_give_back() -> None:
    """Let the engine's memory go back to the system as soon as it is free.

    Its allocator otherwise keeps it for a second: a stream takes 15 MB less so, and 3 % more of the
    processor. To be called before the engine is imported.
    """
    os.environ.setdefault(_ENGINE_ALLOCATOR, "dirty_decay_ms:0,muzzy_decay_ms:0")


def take_short_turns() -> None:
    """Let threads take turns of a millisecond.

    Stages of a stream hand batches over often: a shorter turn keeps both cores busy.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)


@contextmanager
def without_collecting() -> Iterator[None]:
    """Begin, in the body, without a look for garbage, and look past what is there after it.

    Modules and clients make many objects, of which nearly all stay: to go through them again and
    again is a tenth of a start, and each later look would go through them, too. What of them is
    garbage, 0.5 MB, is kept.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def keep_trimmed(*, from_bytes: int = _TRIM_FROM_BYTES) -> Iterator[None]:
    """Give memory that is free back to the system while the body runs and so much is resident.

    A heap that several threads share is free in its middle and used at its end: without this it
    only grows. First of all, and once, code that was mapped is let go of.
    """
    trim = _trim()
    if trim is None:
        yield
        return
    stopped = threading.Event()

    def run() -> None:
        if not stopped.wait(_TRIM_SECONDS):
            _let_go_of_code()
        while not stopped.wait(_TRIM_SECONDS):
            if _resident_bytes() > from_bytes:
                trim(0)

    thread = threading.Thread(target=run, name="trimming", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def give_back() -> None:
    """Give memory that is free back to the system, and let go of code.

    For who only waits from now on, while others want the memory. Without glibc nothing is done.
    """
    trim = _trim()
    if trim is not None:
        trim(0)
        _let_go_of_code()


def _trim() -> Callable[[int], object] | None:
    """Give malloc_trim(3), which gives back what is free; None without glibc."""
    if sys.platform != "linux":
        return None
    try:
        trim: Callable[[int], object] = ctypes.CDLL("libc.so.6").malloc_trim
    except (OSError, AttributeError):
        return None
    return trim


def _resident_bytes() -> int:
    _, resident, *_ = Path("/proc/self/statm").read_text().split()
    return int(resident) * os.sysconf("SC_PAGE_SIZE")


def _let_go_of_code() -> None:
    """Unmap pages of code and its constants: most were of use at the start alone, 60 MB.

    They stay in the system's cache, which gives way to other needs; what still runs is mapped again
    as it is reached. Mappings that were written to, by a debugger or a relocation, stay as they
    are, and so does a library that another thread is just loading: its first mapping spans what is
    relocated a moment later.
    """
    settled = _clean_mappings()
    time.sleep(_LOADING_SECONDS)
    settled &= _clean_mappings()
    if not settled:
        return
    advise = ctypes.CDLL("libc.so.6").madvise
    for start, end in settled:
        advise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_DONTNEED)


def _clean_mappings() -> set[tuple[int, int]]:
    """Give where code and constants of files are mapped that nothing was written to."""
    try:
        lines = Path("/proc/self/smaps").read_text().splitlines()
    except OSError:
        return set()
    found = set[tuple[int, int]]()
    bounds: tuple[int, int] | None = None
    for line in lines:
        if mapping := _CODE.match(line):
            bounds = int(mapping[1], 16), int(mapping[2], 16)
        elif _MAPPING.match(line):
            bounds = None
        elif bounds is not None and line.split() == ["Anonymous:", "0", "kB"]:
            found.add(bounds)
    return found
