"""Cold starts: from starting a function's process to the first byte of its first answer."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import cold_handler
from invoker import function
from packaged import DOWNLOAD, HERE, Program
from servers import BenchError

STAGES = (
    "interpreter and loop",
    "imports",
    "clients",
    "engine and adapters",
    "app",
    "asks for an event",
    "first answer, to its first byte",
)
PROCESSORS = {"two processors": 2, "one processor": 1}


@dataclass(slots=True, kw_only=True)
class Starts:
    """Seconds of cold starts, by which processors they had; `stages` are each start's steps."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    stages: dict[str, list[list[float]]] = field(default_factory=dict)
    interpreter: list[float] = field(default_factory=list)
    """Of a Python process that does nothing."""

    def median_stages(self, where: str) -> list[float]:
        """Give the median of each step, in the order of STAGES."""
        return [median(each) for each in zip(*self.stages[where], strict=True)]


def cold_starts(
    program: Program,
    variables: Mapping[str, str],
    event: Mapping[str, Any],
    *,
    rounds: int,
    log: Path,
) -> Starts:
    """Start the function `rounds` times with two processors and with one, in turn, and ask once.

    One start before the rounds has its files in memory and is not counted. Each round starts the
    function as it is for its time, and once more with the times of its steps.
    """
    found = Starts()
    places = _places()
    steps = {
        **variables,
        **program.variables,
        "_HANDLER": f"{cold_handler.__name__}.download",
        "PYTHONPATH": str(HERE),
    }
    plain = {**variables, **program.variables, "_HANDLER": DOWNLOAD}
    start(program.command, plain, event, log=log)
    start(program.command, steps, event, log=log)
    for _ in range(rounds):
        for where, prefix in places.items():
            command = (*prefix, *program.command)
            found.seconds.setdefault(where, []).append(start(command, plain, event, log=log)[-1])
            found.stages.setdefault(where, []).append(_steps(command, steps, event, log=log))
        found.interpreter.append(_nothing(program))
    return found


def start(
    command: Sequence[str], variables: Mapping[str, str], event: Mapping[str, Any], *, log: Path
) -> tuple[float, float, float]:
    """Start the function and ask it once.

    Gives when it was started, when it asked for an event, and the seconds to the first byte.
    """
    with function(command, variables, name="the function", log=log) as started:
        started.wait_until_ready()
        asked = time.perf_counter()
        taken = started.invoke(event)
        first = asked - started.spawned + taken.first_byte_seconds
        return started.spawned, started.ready, first


def _steps(
    command: Sequence[str], variables: Mapping[str, str], event: Mapping[str, Any], *, log: Path
) -> list[float]:
    own = log.with_suffix(".steps")
    own.unlink(missing_ok=True)
    spawned, ready, first = start(command, variables, event, log=own)
    # Both processes read the same clock.
    told = re.search(rf"^{cold_handler.MARK} (.*)$", own.read_text(), re.MULTILINE)
    if told is None:
        raise BenchError("the function didn't tell of its steps")
    marks = [spawned, *map(float, told[1].split()), ready, spawned + first]
    return [after - before for before, after in pairwise(marks)]


def _nothing(program: Program) -> float:
    python = program.command[1] if len(program.command) == 3 else program.command[0]
    began = time.perf_counter()
    subprocess.run([python, "-c", ""], check=True)
    return time.perf_counter() - began


def _places() -> dict[str, tuple[str, ...]]:
    """Give what a command begins with to have so many processors, where that can be had."""
    if shutil.which("taskset") is None or not hasattr(os, "sched_getaffinity"):
        return {"all processors": ()}
    own = sorted(os.sched_getaffinity(0))
    return {
        name: ("taskset", "-c", ",".join(map(str, own[:count])))
        for name, count in PROCESSORS.items()
        if count <= len(own)
    }
