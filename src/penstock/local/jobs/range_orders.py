"""Range orders: followed one after the other, in a process that reads ranges for a worker.

Each line of input is a JSON object: the first says whose table it is, and where its files belong;
each further one is a `range` to read, or says `stop`. Each line of output is one as well: how far a
range is (`rows`, `bytes`), and in the end its answer (exports/range_answers.py).
"""

import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from penstock.errors import JobCancelledError
from penstock.errors.location import code_path
from penstock.exports.job_folder import JobFolder
from penstock.exports.limits import ExportLimits
from penstock.exports.parts import OnProgress
from penstock.exports.range_answers import read_as_described
from penstock.exports.readers import TenantReaders
from penstock.lean import keep_trimmed, share_one_heap, take_short_turns
from penstock.local.demo.database import found_demo_database, leave_demo_database
from penstock.local.home_layout import databases_path, store_path
from penstock.local.jobs.databases import FileDatabases
from penstock.local.jobs.outputs import FileOutputs

_TOLD_SECONDS = 0.2
"""The shortest time between two words on how far a range is."""

RangeMessage: TypeAlias = Mapping[str, Any]


def follow(orders: int, answers: int) -> int:
    """Read ranges until there is an order to stop; give the exit code.

    Where the orders end without one, whoever gave them has died: so does this process, at once.
    """
    share_one_heap()
    take_short_turns()
    waiting: queue.Queue[RangeMessage] = queue.Queue()
    stopped = threading.Event()
    threading.Thread(
        target=_listen, args=(orders, waiting, stopped), name="orders", daemon=True
    ).start()
    try:
        with ExitStack() as stack:
            # It has no answer that waits for it, and there may be many of its kind.
            stack.enter_context(keep_trimmed(from_bytes=0))
            _read_all(waiting.get(), waiting, stopped.is_set, partial(_say, answers), stack)
    except JobCancelledError:
        return 0
    except Exception as error:  # noqa: BLE001 - the worker learns of it by this process's end
        sys.stderr.write(f"a range could not be read: {code_path(error)}\n")
        return 1
    return 0


def _read_all(
    opening: RangeMessage,
    waiting: "queue.Queue[RangeMessage]",
    is_stopped: Callable[[], bool],
    say: Callable[[RangeMessage], None],
    stack: ExitStack,
) -> None:
    home = Path(opening["home"])
    stack.callback(leave_demo_database, home)
    demo = partial(found_demo_database, home) if opening["has_demo"] else None
    readers = TenantReaders(FileDatabases(databases_path(home), demo=demo))
    stack.callback(readers.close)
    place = JobFolder(
        outputs=FileOutputs(store_path(home)),
        tenant=opening["tenant"],
        folder=opening["folder"],
        token=opening["token"],
    )
    limits = ExportLimits(part_rows=opening["part_rows"], part_bytes=opening["part_bytes"])
    while "range" in (order := waiting.get()):
        answer = read_as_described(
            readers,
            place,
            order["range"],
            limits=limits,
            cancelled=is_stopped,
            told=_told(say),
        )
        say(answer)


def _told(say: Callable[[RangeMessage], None]) -> OnProgress:
    due = 0.0

    def told(rows: int, size_bytes: int) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + _TOLD_SECONDS
            say({"rows": rows, "bytes": size_bytes})

    return told


def _say(answers: int, said: RangeMessage) -> None:
    left = memoryview(json.dumps(said).encode() + b"\n")
    while left:
        left = left[os.write(answers, left) :]


def _listen(orders: int, waiting: "queue.Queue[RangeMessage]", stopped: threading.Event) -> None:
    with os.fdopen(orders, "rb", closefd=False) as lines:
        for line in lines:
            said = json.loads(line)
            if "stop" in said:
                stopped.set()
            waiting.put(said)
    # Whatever is under way: nobody is left who would want it.
    os._exit(1)
