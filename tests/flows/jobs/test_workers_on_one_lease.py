"""A worker that stands still until another one has its job, and then goes on: real processes."""

import os
import signal
from pathlib import Path
from random import Random

import pyarrow as pa
from tests.flows.killed_jobs import KilledJobs, Wish, killed_jobs, undisturbed
from tests.flows.killed_service import killed_service, owner_pid
from tests.flows.tenant_homes import add_tenant, store
from tests.long_runs import until

from penstock.errors import BusyError
from penstock.model.tenant import Tenant

ROWS = 400_000
WISH = Wish(type="dataset-slice", params={"dataset": "numbers", "query": ""}, formats=["csv"])


def stop(pid: int, killed: KilledJobs) -> None:
    """Have a process stand still, but not while it alone may write the records of jobs."""
    [accepted, *_] = killed.jobs.ports.events.after("acme", next(iter(killed.asked)), 0)

    def stands_beside() -> bool:
        os.kill(pid, signal.SIGSTOP)
        try:
            killed.jobs.ports.events.published(accepted)
        except BusyError:
            os.kill(pid, signal.SIGCONT)
            return False
        return True

    until(stands_beside, what="the worker stands still")


def test_two_processes_that_work_on_one_job_give_one_result(tmp_path: Path) -> None:
    home = tmp_path / "home"
    add_tenant(home, Tenant(id="acme", hosts=("localhost",)))
    numbers = pa.table({"n": range(ROWS), "text": [f"row {n}" for n in range(ROWS)]})
    store(home, "acme", "numbers", numbers, row_group_rows=20_000)
    rules = {
        "PENSTOCK_JOB_HEARTBEAT_SECONDS": "0.2",
        "PENSTOCK_JOB_LEASE_SECONDS": "1.5",
        "PENSTOCK_JOB_SWEEP_SECONDS": "0.2",
        "PENSTOCK_EXPORT_PART_ROWS": "50000",
    }
    with (
        killed_service(home, tenant="acme", settings=rules) as service,
        killed_jobs(service, [WISH], Random(5)) as killed,
    ):
        expected = undisturbed(killed)
        job_id = killed.begin(WISH)
        until(lambda: bool(killed.working()), what="a worker begins")
        first = owner_pid(killed.job(job_id).lease_owner)
        assert first is not None
        stop(first, killed)
        try:
            until(lambda: killed.job(job_id).is_over, what="another worker ends the job")
        finally:
            os.kill(first, signal.SIGCONT)
        job = killed.job(job_id)
        assert job.attempt >= 2
        # The first one goes on, finds that the job isn't its own, and takes another one.
        until(lambda: "outcome=superseded" in service.log(), what="the first worker gives up")
        again = killed.begin(WISH)
        until(lambda: killed.job(again).is_over, what="a further job ends")
        assert killed.job(job_id) == job
        killed.check(expected)
