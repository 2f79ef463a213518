"""Reading one range for an attempt, in a function that nobody waits for by itself."""

import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from penstock.errors import BusyError, JobCancelledError, UnknownJobError
from penstock.exports.job_folder import JobFolder
from penstock.exports.limits import ExportLimits
from penstock.exports.range_answers import Answer, read_as_described
from penstock.exports.ranges import MAX_LIST_BYTES
from penstock.exports.readers import TenantReaders
from penstock.model.job import Job
from penstock.ports import Databases, JobStore, Outputs

RangeOutcome = Literal["read", "failed", "left"]
"""`left`: nobody wants the range any more, or its time was up."""

_LOOK_SECONDS = 3.0
"""How often a reader looks whether its attempt is still the job's."""
_MARK_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeOrder:
    """Which range of which attempt."""

    tenant: str
    job_id: str
    token: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeReading:
    """What all ranges that this environment reads share."""

    store: JobStore
    outputs: Outputs
    databases: Databases
    limits: ExportLimits

    def one(self, order: RangeOrder, *, ends_at: float) -> tuple[RangeOutcome, Answer | None]:
        """Read a range; gives what came of it, and what was answered to whoever waits for it.

        Raises BusyError where the jobs or the store can't be used.
        """
        job = self._wanted(order)
        if job is None:
            return "left", None
        place = JobFolder(
            outputs=self.outputs,
            tenant=job.tenant,
            folder=job.folder,
            token=order.token,
            mark=f"_{secrets.token_hex(_MARK_BYTES)}",
        )
        listed = self.outputs.read(
            job.tenant, f"{job.folder}/{place.ranges()}", max_bytes=MAX_LIST_BYTES
        )
        if listed is None:
            return "left", None
        try:
            answer = self._read(order, place, json.loads(listed)[order.number], ends_at)
            is_wanted = self._wanted(order) is not None
        except JobCancelledError:
            place.remove_own(keep=())
            return "left", None
        except BaseException:
            place.remove_own(keep=())
            raise
        if not is_wanted:
            place.remove_own(keep=())
            return "left", None
        return self._answered(order, place, answer), answer

    def _read(
        self, order: RangeOrder, place: JobFolder, described: dict[str, Any], ends_at: float
    ) -> Answer:
        # Not kept for the next range: an environment that rests would hold connections.
        with (
            closing(TenantReaders(self.databases)) as readers,
            self._watched(order) as is_left,
        ):
            return read_as_described(
                readers,
                place,
                described,
                limits=self.limits,
                cancelled=lambda: is_left.is_set() or time.monotonic() >= ends_at,
                told=lambda _rows, _bytes: None,
            )

    def _answered(self, order: RangeOrder, place: JobFolder, answer: Answer) -> RangeOutcome:
        """Store an answer unless there is one; files that no answer names go.

        Cancelling a job removes its files, and ends it behind that. So what is stored after a look
        at the job may be stored too late: whoever stored it looks once more. Where storing it
        fails, it may be there all the same, and so its files stay.
        """
        said = json.dumps(answer, separators=(",", ":")).encode()
        name = place.answer(order.number)
        if not self.outputs.create(place.tenant, f"{place.folder}/{name}", said):
            place.remove_own(keep=())
            return _said(answer)
        kept = self._kept_of_an_ended(order)
        if kept is None or any(part["part"] in kept for part in answer.get("parts", ())):
            return _said(answer)
        place.remove_one(name)
        place.remove_own(keep=kept)
        return "left"

    def _wanted(self, order: RangeOrder) -> Job | None:
        """Give the job if this attempt is under way, None if it is not."""
        try:
            job = self.store.get(order.tenant, order.job_id)
        except UnknownJobError:
            return None
        # From FINALIZING on, every range has been answered.
        return job if job.fencing_token == order.token and job.state == "RUNNING" else None

    def _kept_of_an_ended(self, order: RangeOrder) -> frozenset[str] | None:
        """Give which files a job that has ended is left with, None while more may be of use."""
        try:
            job = self.store.get(order.tenant, order.job_id)
        except UnknownJobError:
            return frozenset()
        except BusyError:
            return None
        if job.is_over or job.state == "CANCELLING":
            return frozenset(each.part for each in job.artifacts if job.has_result)
        return None

    @contextmanager
    def _watched(self, order: RangeOrder) -> Iterator[threading.Event]:
        """Look now and then, while the body runs, whether the range is wanted; sets the event."""
        is_left, is_over = threading.Event(), threading.Event()

        def look() -> None:
            while not is_over.wait(_LOOK_SECONDS):
                try:
                    if self._wanted(order) is None:
                        is_left.set()
                        return
                except BusyError:
                    continue

        watch = threading.Thread(target=look, name="range-watch", daemon=True)
        watch.start()
        try:
            yield is_left
        finally:
            is_over.set()
            watch.join()


def _said(answer: Answer) -> RangeOutcome:
    return "read" if "parts" in answer else "failed"
