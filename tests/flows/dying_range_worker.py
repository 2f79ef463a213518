"""A worker of a home, `HOME live` or `HOME die`: that one is killed once the first rows are read.

It says then which processes read for it.
"""

import os
import signal
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from tests.range_processes import readers_of

from penstock.local.compose_work import compose_work
from penstock.local.opened_store import ServedPath
from penstock.local.work import work_off
from penstock.model.job import SIZES, Job
from penstock.model.progress import Progress
from penstock.ports import JobPorts, JobStore
from penstock.settings import Settings


class _Dying:
    """A store of jobs that ends its process when rows are first told of."""

    def __init__(self, inner: JobStore) -> None:
        self._inner = inner
        self.add, self.get = inner.add, inner.get
        self.list, self.advance = inner.list, inner.advance

    def report(
        self, tenant: str, job_id: str, progress: Progress, *, fencing_token: int, now: datetime
    ) -> Job:
        if progress.done:
            os.write(sys.stdout.fileno(), " ".join(map(str, readers_of(os.getpid()))).encode())
            os.kill(os.getpid(), signal.SIGKILL)
        return self._inner.report(tenant, job_id, progress, fencing_token=fencing_token, now=now)


def _dying(ports: JobPorts) -> JobPorts:
    return replace(ports, store=_Dying(ports.store))


def main() -> None:
    """Work until nothing is left to do."""
    home, how = sys.argv[1:]
    is_idle: list[bool] = []
    with compose_work(
        Settings(home=Path(home), export_readers=2),
        ServedPath(path=None, demo=False),
        is_stopping=lambda: False,
        adapt=_dying if how == "die" else lambda ports: ports,
    ) as (worker, queue):
        work_off(
            worker,
            queue,
            sizes=SIZES,
            is_ending=lambda: bool(is_idle),
            wait=lambda _: is_idle.append(True),
        )


if __name__ == "__main__":
    main()
