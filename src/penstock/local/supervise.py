"""Supervising: worker processes are started when jobs come, replaced when they die, and ended."""

import logging
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, replace

from penstock.errors import BusyError, JobStateError, StaleJobError, UnknownJobError
from penstock.errors.location import code_path
from penstock.jobs.cancel import end_cancelled
from penstock.jobs.sweep import SweepCounts, Sweeper, release, sweep
from penstock.local.jobs.owners import is_dead, is_process
from penstock.local.jobs.queue import SqliteQueue
from penstock.model.job_state import WORKING

_LOG = logging.getLogger("penstock.jobs")
_LOOK_SECONDS = 1
_ENDING_SECONDS = 10
_REPLACED_AFTER_SECONDS = 2
"""A worker that can't start is not started again and again without a pause."""


class Supervisor:
    """Keeps the worker processes of a service, and sweeps its jobs; one thread.

    `woken` is set when a job is dispatched: workers start then, if they haven't.

    A worker ends when its standard input does, so that none outlives the service, however that
    ends. The jobs of a worker that died are handed on at once, without waiting for their leases.
    One that didn't end a cancelled job in time is stuck in it: it is killed, and replaced.
    The log tells of each sweep that did something; `tidy` is done with each, and tells how many
    folders it removed.
    """

    def __init__(
        self,
        *,
        commands: Sequence[Sequence[str]],
        queue: SqliteQueue,
        sweeper: Sweeper,
        sweep_seconds: float,
        woken: threading.Event,
        report: Callable[[str], None],
        tidy: Callable[[], int] = lambda: 0,
    ) -> None:
        self._commands = commands
        self._queue = queue
        self._sweeper = replace(sweeper, on_forced_end=self._kill_stuck)
        self._sweep_seconds = sweep_seconds
        self._report = report
        self._tidy = tidy
        self._workers: list[subprocess.Popen[bytes] | None] = [None] * len(commands)
        self._woken = woken
        self._is_ending = False
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Supervise while the body runs; afterwards no worker is left."""
        self._thread.start()
        try:
            yield
        finally:
            self._is_ending = True
            # What was woken for something else may have been taken notice of just now.
            while self._thread.is_alive():
                self._woken.set()
                self._thread.join(_LOOK_SECONDS)
            self._end_workers()

    def _run(self) -> None:
        is_wanted = False
        next_sweep = time.monotonic()
        may_start = 0.0
        while not self._is_ending:
            try:
                if time.monotonic() >= next_sweep:
                    next_sweep = time.monotonic() + self._sweep_seconds
                    self.hand_on_dead()
                    _tell(sweep(self._sweeper), folders=self._tidy())
                is_wanted = is_wanted or self._woken.is_set() or self._has_jobs()
                self._woken.clear()
                if self._take_notice() or (is_wanted and None in self._workers):
                    self.hand_on_dead()
                    if time.monotonic() >= may_start:
                        self._start_missing()
                        may_start = time.monotonic() + _REPLACED_AFTER_SECONDS
            except BusyError:
                self._report("jobs: the records can't be used just now; the next look is in 1 s.")
            except Exception as error:  # noqa: BLE001 - it has to go on, whatever this one is
                self._report(f"jobs: {code_path(error)}")
            self._woken.wait(_LOOK_SECONDS)

    def hand_on_dead(self) -> None:
        """Hand on the jobs whose workers are known to be dead, and the messages that they held."""
        swept = SweepCounts()
        for job, _ in self._sweeper.ports.upkeep.unfinished():
            if job.lease_owner and is_dead(job.lease_owner):
                with suppress(StaleJobError, JobStateError, UnknownJobError):
                    if job.state in WORKING:
                        release(self._sweeper, job, swept=swept)
                    elif job.state == "CANCELLING":
                        end_cancelled(self._sweeper.ports, job, now=self._sweeper.now())
                        swept.cancelled += 1
        _tell(swept)
        self._queue.hand_back(is_dead)

    def _has_jobs(self) -> bool:
        return next(iter(self._sweeper.ports.upkeep.unfinished()), None) is not None

    def _take_notice(self) -> bool:
        """Tell whether a worker has died since the last look."""
        died = False
        for place, worker in enumerate(self._workers):
            if worker is not None and worker.poll() is not None:
                self._report(f"jobs: a worker ended with {worker.returncode}; another one starts.")
                _close(worker)
                self._workers[place] = None
                died = True
        return died

    def _kill_stuck(self, owner: str) -> None:
        for worker in self._workers:
            if worker is not None and is_process(owner, worker.pid):
                self._report("jobs: a worker didn't end its cancelled job; it is killed.")
                worker.kill()

    def _start_missing(self) -> None:
        for place, command in enumerate(self._commands):
            if self._workers[place] is None:
                # A group of its own: Ctrl-C ends the service, which then ends its workers.
                self._workers[place] = subprocess.Popen(  # noqa: S603 - our own command
                    command, stdin=subprocess.PIPE, start_new_session=True
                )

    def _end_workers(self) -> None:
        with ExitStack() as stack:
            for worker in self._workers:
                if worker is not None:
                    stack.callback(_end, worker)
            for worker in self._workers:
                if worker is not None:
                    _close(worker)


def _tell(swept: SweepCounts, **more: int) -> None:
    done = {name: number for name, number in (asdict(swept) | more).items() if number}
    if done:
        _LOG.info("swept %s", " ".join(f"{name}={number}" for name, number in done.items()))


def _close(worker: "subprocess.Popen[bytes]") -> None:
    """End a worker's standard input, which ends the worker if it lives."""
    if worker.stdin is not None:
        with suppress(OSError):
            worker.stdin.close()


def _end(worker: subprocess.Popen[bytes]) -> None:
    try:
        worker.wait(_ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()
