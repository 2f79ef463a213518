"""Range pool: the processes of this machine that read ranges of a table for one worker."""

import json
import os
import selectors
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from penstock.errors import JobCancelledError, RecoverableError
from penstock.exports.limits import ExportLimits
from penstock.exports.range_answers import range_read
from penstock.lean import give_back
from penstock.model.artifact import Artifact
from penstock.ports import RangeRead, RangesRequest

_LOOK_SECONDS = 0.1
_ENDING_SECONDS = 5.0
"""What processes that are told to end may take: their queries end on the server first."""
_READ_BYTES = 65_536


class RangePool:
    """Processes that are started for one table, and have ended when its reading has.

    Each has a pipe as its standard input, by which it is told what to read, and ends as soon as
    that does: none outlives this process, however it ends. How to connect is looked up by each in
    the home itself; that stands in no command, environment or log.
    """

    def __init__(self, *, home: Path, has_demo: bool, limits: ExportLimits, at_once: int) -> None:
        self._home = home
        self._has_demo = has_demo
        self._limits = limits
        self.at_once = at_once

    def read(
        self,
        wanted: RangesRequest,
        *,
        cancelled: Callable[[], bool],
        told: Callable[[int, int], None],
    ) -> list[RangeRead]:
        waiting = deque(enumerate(wanted.ranges))
        opening = self._opening(wanted)
        found: dict[int, RangeRead] = {}
        reached: dict[int, tuple[int, int]] = {}
        processes: list[_Process] = []
        with ExitStack() as stack:
            selector = stack.enter_context(selectors.DefaultSelector())
            stack.callback(_end, processes)
            stack.enter_context(_unless_cancelled(cancelled))
            for _ in range(min(self.at_once, len(waiting))):
                process = _Process()
                processes.append(process)
                selector.register(process.answers, selectors.EVENT_READ, process)
                process.say(opening)
                process.give(*waiting.popleft())
            # It waits while they read: there is room for one of them in what it held.
            give_back()
            while len(found) < len(wanted.ranges):
                if cancelled():
                    raise JobCancelledError
                for key, _ in selector.select(_LOOK_SECONDS):
                    process = key.data
                    for said in process.heard():
                        if "rows" in said:
                            reached[process.number] = said["rows"], said["bytes"]
                            continue
                        read = range_read(said)
                        found[process.number] = read
                        reached[process.number] = _sizes(read.files)
                        if waiting:
                            process.give(*waiting.popleft())
                    if reached:
                        told(*map(sum, zip(*reached.values(), strict=True)))
        return [found[number] for number in range(len(wanted.ranges))]

    def _opening(self, wanted: RangesRequest) -> dict[str, Any]:
        return {
            "home": str(self._home),
            "has_demo": self._has_demo,
            "part_rows": self._limits.part_rows,
            "part_bytes": self._limits.part_bytes,
            "tenant": wanted.tenant,
            "folder": wanted.folder,
            "token": wanted.fencing_token,
        }


class _Process:
    """One process, and the number of the range that it was given last."""

    def __init__(self) -> None:
        """Start it. Raises RecoverableError where the system has no room for it."""
        try:
            self._popen = subprocess.Popen(
                [sys.executable, "-m", "penstock.local.jobs.range_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # Ctrl-C is its worker's, which ends it.
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            raise RecoverableError("No process could be started to read this export.") from error
        if self._popen.stdin is None or self._popen.stdout is None:
            raise TypeError("it was started with pipes")
        self._orders = self._popen.stdin.fileno()
        self.answers = self._popen.stdout.fileno()
        self.number = -1
        self._half = b""

    def give(self, number: int, described: Mapping[str, Any]) -> None:
        """Have it read a range. Raises as `say`."""
        self.number = number
        self.say({"range": described})

    def heard(self) -> Iterator[dict[str, Any]]:
        """Give what it said since the last time. Raises RecoverableError if it has ended."""
        said = os.read(self.answers, _READ_BYTES)
        if not said:
            raise _lost()
        *lines, self._half = (self._half + said).split(b"\n")
        yield from map(json.loads, lines)

    def stop(self) -> None:
        """Tell it to end, what it reads first of all."""
        with suppress(RecoverableError):
            self.say({"stop": True})

    def await_end(self, latest: float) -> None:
        """Wait until it has ended, by force where it takes too long."""
        with self._popen:
            try:
                self._popen.wait(max(0.0, latest - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._popen.kill()

    def say(self, said: Mapping[str, Any]) -> None:
        """Tell it something. Raises RecoverableError if it has ended."""
        left = memoryview(json.dumps(said).encode() + b"\n")
        try:
            while left:
                left = left[os.write(self._orders, left) :]
        except BrokenPipeError as error:
            raise _lost() from error


@contextmanager
def _unless_cancelled(cancelled: Callable[[], bool]) -> Iterator[None]:
    """Tell what ended processes first: one that was lost may have been, as all of them are."""
    try:
        yield
    except RecoverableError as error:
        if cancelled():
            raise JobCancelledError from error
        raise


def _end(processes: Sequence[_Process]) -> None:
    for process in processes:
        process.stop()
    latest = time.monotonic() + _ENDING_SECONDS
    for process in processes:
        process.await_end(latest)


def _sizes(files: Sequence[Artifact]) -> tuple[int, int]:
    return sum(file.rows for file in files), sum(file.bytes for file in files)


def _lost() -> RecoverableError:
    return RecoverableError("A process that read a part of this export ended before it had.")
