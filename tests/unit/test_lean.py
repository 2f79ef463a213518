"""A lean process: what is set in it holds, and what is let go of works on."""

import json
import subprocess
import sys

import pytest

_SECONDS = 60

_LET_GO = """
import json, time
from pathlib import Path
from penstock.lean import keep_trimmed, leave_out_unused
leave_out_unused()
import pyarrow as pa
import pyarrow.compute as pc

def code():
    (line,) = (each for each in Path("/proc/self/status").read_text().splitlines()
               if each.startswith("RssFile"))
    return int(line.split()[1])

def total():
    return pc.sum(pc.cast(pa.array(["1", "2", "3"]), pa.int64())).as_py()

before, sums = code(), [total()]
with keep_trimmed():
    ends = time.monotonic() + 30
    while code() > before * 0.3 and time.monotonic() < ends:
        time.sleep(0.01)
    after = code()
    sums.append(total())
print(json.dumps([before, after, sums]))
"""

_BEGIN = """
import gc, json
from penstock.lean import without_collecting
with without_collecting():
    inside = gc.isenabled()
    kept = [[] for _ in range(1000)]
    try:
        with without_collecting():
            raise KeyError
    except KeyError:
        pass
print(json.dumps([inside, gc.isenabled(), gc.get_freeze_count() >= 1000]))
"""

_GIVE_BACK = """
import ctypes, json, sys, time
from pathlib import Path
from penstock.lean import give_back, keep_trimmed

def held():
    (line,) = (each for each in Path("/proc/self/status").read_text().splitlines()
               if each.startswith("RssAnon"))
    return int(line.split()[1])

def left_free():
    # Blocks of the heap, below one that stays: what is free among them isn't given back by itself.
    blocks = [heap.malloc(60_000) for _ in range(1000)]
    for block in blocks:
        ctypes.memset(block, 1, 60_000)
    for block in blocks[:-1]:
        heap.free(block)
    return held()

heap = ctypes.CDLL("libc.so.6")
heap.malloc.restype, heap.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
first = left_free()
give_back()
after = held()
second = left_free()
with keep_trimmed(from_bytes=0):
    ends = time.monotonic() + 30
    while held() > second - 30_000 and time.monotonic() < ends:
        time.sleep(0.01)
    print(json.dumps([first - after, second - held()]))
"""

_ENGINE = """
import json, os
from penstock.lean import have_engine_give_back
have_engine_give_back()
import duckdb
print(json.dumps([duckdb.sql("SELECT sum(i) FROM range(100000) t(i)").fetchone()[0],
                  "confirm_conf" in os.environ["DUCKDB_JE_MALLOC_CONF"]]))
"""


def ran(program: str, **variables: str) -> tuple[list[object], str]:
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        env={"PATH": "", **variables},
    )
    printed: list[object] = json.loads(done.stdout)
    return printed, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is let go of")
def test_code_that_was_let_go_of_runs_on() -> None:
    (before, after, sums), _ = ran(_LET_GO)
    assert isinstance(before, int)
    assert isinstance(after, int)
    assert after < before * 0.3
    assert sums == [6, 6]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is given back")
def test_who_only_waits_gives_memory_that_is_free_back_and_who_reads_ranges_does() -> None:
    (at_once, in_time), _ = ran(_GIVE_BACK)
    assert isinstance(at_once, int)
    assert isinstance(in_time, int)
    assert min(at_once, in_time) > 30_000


def test_garbage_is_looked_for_again_after_a_start() -> None:
    printed, _ = ran(_BEGIN)
    assert printed == [False, True, True]


def test_the_engines_allocator_is_set_unless_it_is_set_already() -> None:
    printed, _ = ran(_ENGINE)
    assert printed == [4999950000, False]
    printed, _ = ran(_ENGINE, DUCKDB_JE_MALLOC_CONF="confirm_conf:true")
    assert printed == [4999950000, True]


@pytest.mark.parametrize(
    "module", ["penstock.local.jobs.range_orders", "penstock.aws.range_handler"]
)
def test_who_reads_ranges_of_tables_loads_no_engine(module: str) -> None:
    program = f"import json, sys, {module}; print(json.dumps([*sys.modules]))"
    loaded, _ = ran(program)
    assert module in loaded
    assert not {"duckdb", "fastapi"} & set(map(str, loaded))
