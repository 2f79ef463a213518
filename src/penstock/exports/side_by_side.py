"""Side by side: other processes read ranges or tables, and this one holds their snapshot."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.exports.postgres import Snapshot
from penstock.exports.result_writer import ResultWriter
from penstock.ports import RangeRead, RangeReaders, RangesRequest

_LOOK_SECONDS = 10
"""How often it is looked whether the snapshot is still held; to be used now and then also keeps it
from being ended as one that was left."""


def read_side_by_side(
    writer: ResultWriter,
    snapshot: Snapshot,
    ranges: Sequence[Mapping[str, Any]],
    readers: RangeReaders,
    *,
    total: int | None,
) -> list[RangeRead]:
    """Have all ranges stored, which are given as JSON holds them; progress is of all together.

    Holds no rows. Raises what `RangeReaders.read` raises, and RecoverableError once the snapshot is
    lost: another attempt begins with another one.
    """
    attempt, job = writer.attempt, writer.job
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

    return readers.read(
        RangesRequest(
            tenant=job.tenant,
            job_id=job.id,
            folder=job.folder,
            fencing_token=writer.place.token,
            ranges=ranges,
        ),
        cancelled=cancelled,
        told=told,
    )
