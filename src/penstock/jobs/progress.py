"""Progress: an attempt's word on how far it is, sent in the background, the latest alone."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from penstock.errors import (
    BusyError,
    JobCancelledError,
    StaleJobError,
    UnknownJobError,
    WorkerStoppingError,
)
from penstock.jobs.rules import JobRules
from penstock.model.event import event_of
from penstock.model.job import Job
from penstock.model.progress import Progress
from penstock.ports import Hint, JobPorts, Signals
from penstock.signals.silent import SILENT

_RECORDS = 100
"""A report is due every so many records, unless one was sent just before."""
_LOOK_SECONDS = 0.05
"""The shortest time between two looks, however many hints come."""


class Reporter:
    """Reports an attempt's progress and signs of life, from a thread of its own.

    What the work says goes into a slot that holds one word, and the latest replaces what was not
    sent yet: work never waits for it, also while the store hangs. What the store answers tells
    whether the attempt is to end, and `check` raises that in the work. A hint of `signals` has it
    look at the job's row at once. `begin` begins, and `drain` ends it.
    """

    def __init__(
        self,
        ports: JobPorts,
        job: Job,
        *,
        rules: JobRules,
        now: Callable[[], datetime],
        is_stopping: Callable[[], bool],
        signals: Signals = SILENT,
    ) -> None:
        self._ports = ports
        self._signals = signals
        self._job = job
        self._rules = rules
        self._now = now
        self._slot = job.progress
        self._said = job.progress.done
        self._seq = job.progress.seq
        self._is_new = False
        self._changed = threading.Condition()
        self._is_ending = False
        self._is_hinted = False
        self._ended: type[JobCancelledError | StaleJobError] | None = None
        self._is_stopping = is_stopping
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def begin(self) -> None:
        """Start reporting."""
        self._thread.start()

    def say(self, progress: Progress) -> None:
        """Put a word into the slot; raises as `check` does."""
        self.check()
        enough = (
            progress.done - self._said >= _RECORDS
            or progress.phase != self._slot.phase
            or progress.done < self._said
            or progress.done == progress.total
        )
        self._slot = progress
        if enough and not self._is_new:
            with self._changed:
                self._said = progress.done
                self._is_new = True
                self._changed.notify()

    def check(self) -> None:
        """Raise JobCancelledError, StaleJobError or WorkerStoppingError where it is to end."""
        if self._ended is JobCancelledError:
            raise JobCancelledError
        if self._ended is StaleJobError:
            raise StaleJobError(self._job.id)
        if self._is_stopping():
            raise WorkerStoppingError

    def is_over(self) -> bool:
        """Whether `check` would raise."""
        return self._ended is not None or self._is_stopping()

    @property
    def latest(self) -> Progress:
        """The last word, whether it was sent or not; its `seq` is nobody's."""
        return self._slot

    def drain(self) -> None:
        """Send what is left, and end; a report that hangs is left behind after a while."""
        with self._changed:
            self._is_ending = True
            self._changed.notify()
        self._thread.join(self._rules.drain_seconds)

    def _run(self) -> None:
        with self._signals.hearing("workers", self._hear):
            while self._report_next():
                pass

    def _report_next(self) -> bool:
        """Wait for a report to be due, and send it; tells whether there may be another one."""
        self._rest(self._rules.heartbeat_seconds, until=lambda: self._is_new or self._is_ending)
        if self._ended is not None:
            return False
        with self._changed:
            is_last = self._is_ending
            if is_last and not self._is_new and self._slot.done == self._said:
                return False
            self._is_new = False
            self._said = self._slot.done
        self._report()
        if is_last or self._ended is not None:
            return False
        self._rest(self._rules.report_seconds, until=lambda: self._is_ending)
        return self._ended is None

    def _rest(self, seconds: float, *, until: Callable[[], bool]) -> None:
        """Wait for that long, or for what ends it; each hint meanwhile has the row looked at."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            with self._changed:
                self._changed.wait_for(lambda: until() or self._is_hinted, left)
                if until() or not self._is_hinted:
                    return
                self._is_hinted = False
            self._look()
            if self._ended is not None:
                return
            with self._changed:
                self._changed.wait_for(until, _LOOK_SECONDS)

    def _hear(self, hint: Hint | None) -> None:
        if hint is None or (hint.tenant, hint.job_id) == (self._job.tenant, self._job.id):
            with self._changed:
                self._is_hinted = True
                self._changed.notify()

    def _look(self) -> None:
        with suppress(BusyError):
            try:
                self._judge(self._ports.store.get(self._job.tenant, self._job.id))
            except UnknownJobError:
                self._ended = StaleJobError

    def _report(self) -> None:
        self._seq += 1
        said = replace(self._slot, seq=self._seq)
        try:
            stored = self._ports.store.report(
                self._job.tenant,
                self._job.id,
                said,
                fencing_token=self._job.fencing_token,
                now=self._now(),
            )
        except BusyError:
            return
        except UnknownJobError:
            self._ended = StaleJobError
            return
        self._judge(stored)
        # Somebody else's step, a request to cancel for one, may have taken this number.
        self._seq = max(self._seq, stored.progress.seq)
        # A step of somebody else's that has this number is told by an event of its own.
        if self._ended is None and stored.progress.seq == said.seq:
            with suppress(BusyError):
                self._ports.publisher.publish(event_of(stored, "job.progress", now=self._now()))

    def _judge(self, stored: Job) -> None:
        """Take note of what the row says of this attempt: whether it is to end, and why."""
        if stored.fencing_token != self._job.fencing_token or stored.is_over:
            self._ended = StaleJobError
        elif stored.state == "CANCELLING":
            self._ended = JobCancelledError
