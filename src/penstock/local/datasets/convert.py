"""Converted files: each CSV file turned into Parquet once, and kept under the home folder.

converted/.lock                       one process converts at a time
converted/.work-…                     scraps of a conversion that runs; of a dead one: removed
converted/{group}/source.json         which file and options the group is for
converted/{group}/{version}.parquet   the file as it is now; older versions are removed
"""

import contextlib
import hashlib
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from penstock.errors import SetupError
from penstock.local.atomic import exclusive, private_folder, replace_file, sync_folder
from penstock.reading.engine.convert_task import VERSION, ConvertResult, Task

_PROCESSES = 2
"""Each holds about 300 MB; more of them would hardly be faster on a laptop's disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where one CSV file's conversion is kept, as the file is now."""

    source: Path
    null_text: str | None
    group: Path
    target: Path

    @classmethod
    def of(cls, source: Path, *, null_text: str | None, kept: Path) -> Self:
        facts = source.stat()
        state = [facts.st_size, facts.st_mtime_ns, VERSION]
        group = kept / _digest([str(source), null_text])
        return cls(
            source=source,
            null_text=null_text,
            group=group,
            target=group / f"{_digest(state)}.parquet",
        )


def converted(csv: Path, *, home: Path, null_text: str | None) -> Path:
    """Give the Parquet file of a CSV file, made now unless it was made before.

    Raises SetupError, one line that names the file, what is wrong with it and how to mend it.
    """
    outcome = convert_folder([csv], home=home, null_text=null_text)[csv]
    if isinstance(outcome, SetupError):
        raise outcome
    return outcome


def convert_folder(
    paths: Iterable[Path], *, home: Path, null_text: str | None
) -> dict[Path, Path | SetupError]:
    """Give the Parquet file of each CSV file, or what is wrong with that one; in the given order.

    What was converted before and hasn't changed (path, size, time of change, options) isn't read.
    Conversions of files that are gone, and of older states, are removed. Conversions run in
    processes of their own, two at most, and wait while another process converts.

    Raises SetupError if the home folder can't be written.
    """
    kept = home / "converted"
    private_folder(kept)
    outcomes: dict[Path, Path | SetupError] = {}
    wanted: dict[Path, _Place] = {}
    with exclusive(kept / ".lock"):
        _sweep(kept)
        for path in paths:
            try:
                place = _Place.of(path.resolve(strict=True), null_text=null_text, kept=kept)
            except OSError as error:
                outcomes[path] = SetupError(f"{path} can't be read: {error.strerror}.")
                continue
            outcomes[path] = place.target
            if not place.target.exists():
                wanted[path] = place
        outcomes.update(_convert_all(wanted, kept))
    return outcomes


def _convert_all(wanted: dict[Path, _Place], kept: Path) -> dict[Path, Path | SetupError]:
    count = min(_PROCESSES, len(wanted))
    if not count:
        return {}
    with ThreadPoolExecutor(count) as threads, contextlib.ExitStack() as ends:
        idle: queue.SimpleQueue[_Child] = queue.SimpleQueue()
        for _ in range(count):
            child = _Child()
            ends.callback(child.end)
            idle.put(child)
        # Interrupted, what waits is dropped first; then its child's end frees each thread.
        ends.callback(threads.shutdown, wait=False, cancel_futures=True)

        def convert(place: _Place) -> Path | SetupError:
            child = idle.get()
            try:
                return _convert(place, child, kept)
            finally:
                idle.put(child)

        return dict(zip(wanted, threads.map(convert, wanted.values()), strict=True))


def _convert(place: _Place, child: "_Child", kept: Path) -> Path | SetupError:
    named = place.source.name
    try:
        with tempfile.TemporaryDirectory(prefix=".work-", dir=kept) as work:
            made = Path(work) / "made.parquet"
            outcome = child.answer(
                Task(
                    source=str(place.source),
                    target=str(made),
                    work=work,
                    null_text=place.null_text,
                )
            )
            if outcome.problem is not None:
                return SetupError(outcome.problem)
            _keep(made, place)
    except OSError as error:
        return SetupError(f"{named} can't be converted: {error.strerror}.")
    except SetupError as error:
        return error
    return place.target


def _keep(made: Path, place: _Place) -> None:
    private_folder(place.group)
    source = {"path": str(place.source), "null": place.null_text}
    replace_file(place.group / "source.json", json.dumps(source).encode())
    with made.open("rb") as file:
        os.fsync(file.fileno())
    made.replace(place.target)
    sync_folder(place.group)
    for older in place.group.glob("*.parquet"):
        if older != place.target:
            older.unlink(missing_ok=True)


def _sweep(kept: Path) -> None:
    for scraps in kept.glob(".work-*"):
        shutil.rmtree(scraps, ignore_errors=True)
    for note in kept.glob("*/source.json"):
        try:
            is_there = Path(json.loads(note.read_bytes())["path"]).exists()
        except (OSError, ValueError, KeyError):
            is_there = False
        if not is_there:
            shutil.rmtree(note.parent, ignore_errors=True)


def _digest(facts: Sequence[str | int | None]) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24]


class _Child:
    """A converter process, started when first asked, and anew after it died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def answer(self, task: Task) -> ConvertResult:
        if self._process is None:
            self._process = _started()
        reply = ""
        if self._process.stdin is not None and self._process.stdout is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(json.dumps(asdict(task)) + "\n")
                self._process.stdin.flush()
                reply = self._process.stdout.readline()
        if reply:
            return ConvertResult(**json.loads(reply))
        status = self.end()
        return ConvertResult(
            problem=f"{Path(task.source).name} can't be converted: the converter ended with "
            f"status {status}, perhaps for want of memory."
        )

    def end(self) -> int:
        """End the process, if there is one; gives its status."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        process.kill()
        status = process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        return status


def _started() -> subprocess.Popen[str]:
    # A session of its own: Ctrl-C reaches this process, which then ends the child.
    return subprocess.Popen(
        [sys.executable, "-m", "penstock.reading.engine.converter"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )
