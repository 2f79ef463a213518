"""Side by side: the ranges of a large table, read by several threads of one process."""

import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from penstock.exports.making import Making, Reached
from penstock.exports.parts import Told
from penstock.exports.postgres import Snapshot
from penstock.exports.ranges import TableRange, joined, read_range
from penstock.model.job import Artifact


def make_ranges(
    making: Making, snapshot: Snapshot, ranges: Sequence[TableRange], *, total: int | None
) -> Reached:
    """Store the parts of all ranges, `readers` of them at once; progress is told of all together.

    Holds for each reader what `write_parts` holds. Raises what the first one that failed raised,
    once all have ended.
    """
    limits = making.sources.limits
    tally = _Tally(making, total)
    is_broken = threading.Event()

    def cancelled() -> bool:
        return is_broken.is_set() or making.attempt.is_over()

    def read(wanted: TableRange) -> tuple[Artifact, ...]:
        return read_range(
            snapshot,
            making.place,
            wanted,
            limits=limits,
            cancelled=cancelled,
            told=tally.of(wanted.number),
        )

    with ThreadPoolExecutor(limits.readers, thread_name_prefix="range") as pool:
        reading = [pool.submit(read, wanted) for wanted in ranges]
        ended, others = wait(reading, return_when=FIRST_EXCEPTION)
        if others:
            is_broken.set()
            for one in others:
                one.cancel()
        # Those that were stopped for another one's sake have nothing to say.
        for one in ended:
            one.result()
    return Reached(parts=joined([one.result() for one in reading]), is_read=True)


class _Tally:
    """What all readers have done, told as one."""

    def __init__(self, making: Making, total: int | None) -> None:
        self._making = making
        self._total = total
        self._lock = threading.Lock()
        self._rows: dict[int, int] = {}
        self._bytes: dict[int, int] = {}

    def of(self, number: int) -> Told:
        """Give what one range's reader tells its progress to."""

        def told(rows: int, size_bytes: int) -> None:
            with self._lock:
                self._rows[number], self._bytes[number] = rows, size_bytes
                done = sum(self._rows.values())
                self._making.attempt.progress(
                    done,
                    total=None if self._total is None else max(self._total, done),
                    size_bytes=sum(self._bytes.values()),
                    phase="reading",
                )

        return told
