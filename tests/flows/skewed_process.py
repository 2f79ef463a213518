"""A worker, or a sweeper, whose clock is wrong: a process of its own.

python -m tests.flows.skewed_process HOME (worker|sweeper) HOURS

Works, or sweeps, until its standard input ends. Its wall clock is HOURS ahead; a sweeper's steady
clock begins somewhere else, too, and has a name of its own.
"""

import sys
import threading
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from penstock.jobs.rules import JobRules
from penstock.jobs.sweep import Sweeper, sweep
from penstock.local.compose_work import compose_work
from penstock.local.jobs.ports import local_jobs
from penstock.local.opened_store import ServedPath
from penstock.local.work import work_off
from penstock.model.clock import utc_now
from penstock.model.job import SIZES
from penstock.settings import Settings

RULES = JobRules(
    heartbeat_seconds=0.3,
    lease_seconds=2,
    start_seconds=5,
    report_seconds=0.1,
    retry_seconds=(0.2, 0.5),
    cancel_seconds=5,
)
_SWEEP_SECONDS = 0.3


def main() -> None:
    """Be what the command line says."""
    home, role, hours = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    ahead = timedelta(hours=hours)

    def now() -> datetime:
        return utc_now() + ahead

    ending = threading.Event()

    def await_end_of_input() -> None:
        sys.stdin.read()
        ending.set()

    threading.Thread(target=await_end_of_input, daemon=True).start()
    if role == "worker":
        settings = Settings(home=home, export_part_rows=100_000)
        served = ServedPath(path=None, demo=False)
        with compose_work(settings, served, is_stopping=ending.is_set) as (composed, queue):
            # A name that no service can look up: it is known to live by its word alone.
            owner = f"{role} of {hours} hours"
            worker = replace(composed, now=now, rules=RULES, owner=owner)
            work_off(worker, queue, sizes=SIZES, is_ending=ending.is_set, wait=ending.wait)
        return
    with local_jobs(home) as jobs:
        sweeper = Sweeper(
            ports=jobs.ports,
            rules=RULES,
            observer=f"{role} of {hours} hours",
            seconds=lambda: time.monotonic() + ahead.total_seconds(),
            now=now,
        )
        while not ending.wait(_SWEEP_SECONDS):
            sweep(sweeper)


if __name__ == "__main__":
    main()
