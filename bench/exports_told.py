"""A worker that makes one job after the other, as each line of its input says: told of or silent.

`exports_told.py HOME ROWS`: a job exports so many rows. A silent one tells of no progress: neither
is a word taken nor a report sent. One that is weighed is told of, and its words and reports are
timed. All else is as `penstock work` has it, and in one process, so that nothing but this differs
from one job to the next.
"""

import json
import resource
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import exports_worker

if TYPE_CHECKING:
    from penstock.jobs.worker import Work, Worker
    from penstock.local.jobs.queue import SqliteQueue
    from penstock.model.attempt import Attempt
    from penstock.model.job import Job

TOLD = "told"
SILENT = "silent"
WEIGHED = "weighed"
_NEVER_SECONDS = 1e6


class Silent:
    """An attempt that nobody hears of before its end; all but its words is the attempt's."""

    def __init__(self, heard: "Attempt") -> None:
        self._heard = heard

    def __getattr__(self, name: str) -> Any:
        return getattr(self._heard, name)

    def progress(
        self, done: int, *, total: int | None = None, size_bytes: int = 0, phase: str = ""
    ) -> None:
        """Take no notice."""


@dataclass(slots=True)
class Scale:
    """Seconds of the processor that telling took, in the work's thread and in the reporter's."""

    words: float = 0
    reports: float = 0


class Weighed(Silent):
    """An attempt whose words are timed."""

    def __init__(self, heard: "Attempt", scale: Scale) -> None:
        super().__init__(heard)
        self._scale = scale

    def progress(
        self, done: int, *, total: int | None = None, size_bytes: int = 0, phase: str = ""
    ) -> None:
        """Hand the word on."""
        began = time.thread_time()
        self._heard.progress(done, total=total, size_bytes=size_bytes, phase=phase)
        self._scale.words += time.thread_time() - began


class WeighedStore:
    """A store of jobs whose reports are timed."""

    def __init__(self, store: Any, scale: Scale) -> None:
        self._store = store
        self._scale = scale

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def report(self, *place: Any, **said: Any) -> "Job":
        """Hand the report on."""
        began = time.thread_time()
        stored: Job = self._store.report(*place, **said)
        self._scale.reports += time.thread_time() - began
        return stored


def main() -> None:
    """Work until the input ends."""
    home, rows = sys.argv[1:]
    exports_worker.add_types()
    from penstock.lean import (  # noqa: PLC0415 - what comes later must find it done
        keep_trimmed,
        leave_out_unused,
        share_one_heap,
        stop_leaving_out_numpy,
        take_short_turns,
    )

    leave_out_unused()
    from penstock.local.compose_work import compose_work  # noqa: PLC0415 - after that
    from penstock.local.opened_store import ServedPath  # noqa: PLC0415 - the same
    from penstock.settings import Settings  # noqa: PLC0415 - the same

    stop_leaving_out_numpy()
    share_one_heap()
    take_short_turns()
    with ExitStack() as stack:
        stack.enter_context(keep_trimmed())
        worker, queue = stack.enter_context(
            compose_work(
                Settings(home=Path(home)),
                ServedPath(demo=False),
                is_stopping=threading.Event().is_set,
            )
        )
        scale = Scale()
        workers = {TOLD: worker, SILENT: _silent(worker), WEIGHED: _weighed(worker, scale)}
        for line in sys.stdin:
            scale.words = scale.reports = 0
            made = _made(workers[line.strip()], queue, int(rows))
            made["telling_seconds"] = scale.words + scale.reports
            print(json.dumps(made), flush=True)


def _made(worker: "Worker", queue: "SqliteQueue", rows: int) -> dict[str, float]:
    from exports_jobs import TENANT  # noqa: PLC0415 - the same
    from penstock.jobs.run import run  # noqa: PLC0415 - the same
    from penstock.jobs.submit import Submission, submit  # noqa: PLC0415 - the same
    from penstock.model.job import SIZES  # noqa: PLC0415 - the same

    wanted = Submission(
        tenant=TENANT,
        user="bench",
        kind="export",
        type="wide-rows",
        params={"first": rows},
        size="large",
    )
    submit(worker.ports, wanted, now=datetime.now(UTC))
    received = queue.receive(SIZES, visible_seconds=900, tenant=TENANT, holder=worker.owner)
    if received is None:
        raise LookupError("no message came of a job")
    began, spent = time.perf_counter(), _processor_seconds()
    ran = run(worker, received.message)
    seconds, spent = time.perf_counter() - began, _processor_seconds() - spent
    queue.done(received)
    if ran.job is None or ran.outcome != "succeeded":
        raise LookupError(f"a job ended otherwise: {ran.outcome}, {ran.fault}")
    # Before it is written to the disk, which would weigh on the next one.
    worker.ports.outputs.remove(TENANT, ran.job.folder)
    return {
        "seconds": seconds,
        "processor_seconds": spent,
        "rows": sum(one.rows for one in ran.job.artifacts if one.part.startswith("part-")),
        "writes": ran.job.version,
    }


def _silent(worker: "Worker") -> "Worker":
    def without(work: "Work") -> "Work":
        return lambda heard: work(cast("Attempt", Silent(heard)))

    return replace(
        worker,
        works={kind: without(work) for kind, work in worker.works.items()},
        rules=replace(
            worker.rules, report_seconds=_NEVER_SECONDS, heartbeat_seconds=_NEVER_SECONDS
        ),
    )


def _weighed(worker: "Worker", scale: Scale) -> "Worker":
    store: Any = WeighedStore(worker.ports.store, scale)

    def weighed(work: "Work") -> "Work":
        return lambda heard: work(cast("Attempt", Weighed(heard, scale)))

    return replace(
        worker,
        ports=replace(worker.ports, store=store),
        works={kind: weighed(work) for kind, work in worker.works.items()},
    )


def _processor_seconds() -> float:
    """Sum what this process and those it began took, in their own code and in the system's."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main()
