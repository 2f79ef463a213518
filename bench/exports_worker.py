"""A worker that knows the benchmark's type of export: `python exports_worker.py HOME WAY`.

`command` is `penstock work` itself. `told` and `silent` are composed here, just as each other, but
that the second one's jobs tell of no progress: neither is a word taken nor a report sent.
"""

import logging
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import penstock.exports.types

if TYPE_CHECKING:
    from penstock.jobs.run import Work, Worker
    from penstock.model.attempt import Attempt
    from penstock.model.job import Artifact, Job

TYPES = Path(__file__).with_name("exports_types")
NEVER_SECONDS = 1e6


class Silent:
    """An attempt that nobody hears of before its end."""

    def __init__(self, heard: "Attempt") -> None:
        self._heard = heard

    @property
    def job(self) -> "Job":
        """Give the job."""
        return self._heard.job

    def progress(
        self, done: int, *, total: int | None = None, size_bytes: int = 0, phase: str = ""
    ) -> None:
        """Take no notice."""

    def is_over(self) -> bool:
        """Ask the attempt."""
        return self._heard.is_over()

    def checkpoint(self, reached: Mapping[str, Any], artifacts: "tuple[Artifact, ...]") -> None:
        """Hand it on: what is left for a later attempt is no progress."""
        self._heard.checkpoint(reached, artifacts)

    def finalize(self) -> None:
        """Hand it on."""
        self._heard.finalize()


def main() -> None:
    """Work until SIGTERM."""
    home, way = sys.argv[1:]
    penstock.exports.types.__path__.append(str(TYPES))
    if way == "command":
        _command(home)
    else:
        _composed(Path(home), is_silent=way == "silent")


def _command(home: str) -> None:
    from penstock.cli import main as penstock  # noqa: PLC0415 - each way imports what it needs

    sys.argv = ["penstock", "work", "--no-demo", "--home", home]
    penstock()


def _composed(home: Path, *, is_silent: bool) -> None:
    from penstock.lean import (  # noqa: PLC0415 - the same
        leave_out_unused,
        share_one_heap,
        stop_leaving_out_numpy,
    )

    leave_out_unused()
    from penstock.local.compose_work import compose_work  # noqa: PLC0415 - after that
    from penstock.local.opened import Served  # noqa: PLC0415 - the same
    from penstock.local.work import work_off  # noqa: PLC0415 - the same
    from penstock.model.job import SIZES  # noqa: PLC0415 - the same
    from penstock.settings import Settings  # noqa: PLC0415 - the same

    stop_leaving_out_numpy()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    share_one_heap()
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    with ExitStack() as stack:
        worker, queue = stack.enter_context(
            compose_work(Settings(home=home), Served(demo=False), is_stopping=ending.is_set)
        )
        work_off(
            _silent(worker) if is_silent else worker,
            queue,
            sizes=SIZES,
            is_ending=ending.is_set,
            wait=ending.wait,
        )


def _silent(worker: "Worker") -> "Worker":
    def without(work: "Work") -> "Work":
        return lambda attempt: work(Silent(attempt))

    return replace(
        worker,
        works={kind: without(work) for kind, work in worker.works.items()},
        rules=replace(worker.rules, report_seconds=NEVER_SECONDS, heartbeat_seconds=NEVER_SECONDS),
    )


if __name__ == "__main__":
    main()
