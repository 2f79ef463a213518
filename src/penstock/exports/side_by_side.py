"""Side by side: other processes read a large table's ranges, and this one holds their snapshot."""

import time
from collections.abc import Sequence

from penstock.exports.making import Making, Reached
from penstock.exports.postgres import Snapshot
from penstock.exports.ranges import TableRange, joined
from penstock.ports import RangeReaders, RangesWanted

_LOOK_SECONDS = 10
"""How often it is looked whether the snapshot is still held; to be used now and then also keeps it
from being ended as one that was left."""


def make_ranges(
    making: Making,
    snapshot: Snapshot,
    ranges: Sequence[TableRange],
    readers: RangeReaders,
    *,
    total: int | None,
) -> Reached:
    """Have the parts of all ranges stored; progress is told of all together.

    Holds no rows. Raises what `RangeReaders.read` raises, and RecoverableError once the snapshot is
    lost: another attempt begins with another one.
    """
    attempt, job = making.attempt, making.job
    looked_at = time.monotonic()

    def cancelled() -> bool:
        nonlocal looked_at
        if time.monotonic() - looked_at >= _LOOK_SECONDS:
            snapshot.look()
            looked_at = time.monotonic()
        return attempt.is_over()

    def told(rows: int, size_bytes: int) -> None:
        attempt.progress(
            rows,
            total=None if total is None else max(total, rows),
            size_bytes=size_bytes,
            phase="reading",
        )

    stored = readers.read(
        RangesWanted(
            tenant=job.tenant,
            job_id=job.id,
            folder=job.folder,
            fencing_token=making.place.token,
            ranges=[one.described() for one in ranges],
        ),
        cancelled=cancelled,
        told=told,
    )
    return Reached(parts=joined(stored), is_read=True)
