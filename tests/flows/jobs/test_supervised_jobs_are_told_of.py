"""What a service does for its jobs without being asked: at once where it can, and logged."""

import logging
import subprocess
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from tests.job_parts import JobHouse, job_house
from tests.long_runs import until

from penstock.jobs.cancel import cancel
from penstock.jobs.rules import JobRules
from penstock.jobs.steps import take_step
from penstock.jobs.submit import Submission, submit
from penstock.jobs.sweep import Sweeper
from penstock.local.jobs.owners import is_dead, this_owner
from penstock.local.jobs.ports import local_jobs
from penstock.local.supervise import Supervisor
from penstock.model.clock import utc_now
from penstock.model.job import Job
from penstock.model.job_id import logged_id
from penstock.model.message import message_of

TELLING = "from penstock.local.jobs.owners import this_owner; print(this_owner())"
STUCK = """
import sys
from penstock.local.jobs.owners import this_owner
with open(sys.argv[1], "a") as owners:
    owners.write(this_owner() + "\\n")
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def dead_owner() -> str:
    """The name of a process that has ended."""
    told = subprocess.run(
        [sys.executable, "-c", TELLING], stdout=subprocess.PIPE, text=True, timeout=60, check=True
    )
    return told.stdout.strip()


def supervisor(
    house: JobHouse,
    *,
    tidy: threading.Event | None = None,
    commands: Sequence[Sequence[str]] = (),
    sweep_seconds: float = 3600,
) -> Supervisor:
    def tidied() -> int:
        if tidy is not None:
            tidy.set()
        return 3

    return Supervisor(
        commands=commands,
        queue=house.queue,
        sweeper=Sweeper(
            ports=house.ports,
            rules=JobRules(),
            observer="test",
            seconds=lambda: house.seconds,
            now=lambda: house.now,
        ),
        sweep_seconds=sweep_seconds,
        woken=threading.Event(),
        report=lambda _: None,
        tidy=tidied,
    )


def claimed(house: JobHouse, owner: str) -> Job:
    job = house.submit()
    house.receive()
    claim = partial(Job.claimed, owner=owner, now=house.now)
    return take_step(house.ports, house.latest(job), claim, now=house.now, event="job.started")


def test_a_cancel_whose_worker_is_dead_ends_at_once(tmp_path: Path, dead_owner: str) -> None:
    with job_house(tmp_path) as house:
        job = claimed(house, dead_owner)
        house.ports.outputs.write(job.tenant, f"{job.folder}/part.parquet", [b"rows"])
        cancel(house.ports, job, now=house.now)
        assert house.latest(job).state == "CANCELLING"
        supervisor(house).hand_on_dead()
        assert house.latest(job).state == "CANCELLED"
        assert house.files(job) == []
        assert house.listener.names(job)[-1] == "job.cancelled"


def test_a_cancel_whose_worker_lives_is_left_to_it(tmp_path: Path) -> None:
    with job_house(tmp_path) as house:
        job = claimed(house, this_owner())
        cancel(house.ports, job, now=house.now)
        supervisor(house).hand_on_dead()
        assert house.latest(job).state == "CANCELLING"


def test_a_worker_that_is_stuck_in_a_cancelled_job_is_killed_and_replaced(tmp_path: Path) -> None:
    owners = tmp_path / "owners"
    stuck = [sys.executable, "-c", STUCK, str(owners)]
    with job_house(tmp_path / "home") as house:
        house.submit()
        with supervisor(house, commands=[stuck], sweep_seconds=0.05).running():
            until(lambda: told_by(owners) != [], what="a worker begins")
            (first,) = told_by(owners)
            job = claimed(house, first)
            cancel(house.ports, job, now=house.now)

            def is_ended() -> bool:
                house.pass_time(100)
                return house.latest(job).state == "CANCELLED"

            until(is_ended, what="the job ends without its worker")
            until(lambda: is_dead(first), what="the worker is killed")
            house.submit()
            until(lambda: len(told_by(owners)) > 1, what="another one begins")
            assert not is_dead(told_by(owners)[1])


def told_by(owners: Path) -> list[str]:
    return owners.read_text().splitlines() if owners.exists() else []


def test_a_worker_of_another_container_keeps_its_job(tmp_path: Path, dead_owner: str) -> None:
    with job_house(tmp_path) as house:
        job = claimed(house, f"{dead_owner}1")
        supervisor(house).hand_on_dead()
        assert house.latest(job).state == "RUNNING"


def test_the_log_tells_of_a_sweep_that_did_something(
    tmp_path: Path, dead_owner: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "penstock.jobs")
    is_tidied = threading.Event()
    with job_house(tmp_path) as house:
        claimed(house, dead_owner)
        with supervisor(house, tidy=is_tidied).running():
            assert is_tidied.wait(60)
    assert lines(caplog, "swept") == ["swept stalled=1", "swept folders=3"]


def test_the_log_does_not_tell_of_a_look_that_found_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "penstock.jobs")
    with job_house(tmp_path) as house:
        supervisor(house).hand_on_dead()
    assert lines(caplog, "swept") == []


def test_each_decision_where_a_job_goes_is_logged_when_embedded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "penstock.jobs")
    with local_jobs(tmp_path, tenants_apart=frozenset({"apart"})) as jobs:
        made = [
            submit(
                jobs.ports,
                Submission(
                    tenant=tenant,
                    user="ada",
                    kind="export",
                    type="premium-pay",
                    params={"secret": "hunter2"},
                    size="medium",
                ),
                now=utc_now(),
            )
            for tenant in ("acme", "apart")
        ]
        jobs.ports.dispatch.bury(message_of(made[0]), reason="permanent: no column “hunter2”")
    own = [
        f"tenant={job.tenant} job_id={logged_id(job.id)} type=premium-pay size=medium"
        for job in made
    ]
    assert lines(caplog, "job routed") == [
        f"job routed {own[0]} queue=medium outcome=dispatched delay_seconds=0",
        f"job routed {own[1]} queue=apart outcome=dispatched delay_seconds=0",
        f"job routed {own[0]} queue=dead-letters outcome=buried reason=permanent",
    ]


def lines(caplog: pytest.LogCaptureFixture, beginning: str) -> list[str]:
    found = [record.getMessage() for record in caplog.records]
    return [line for line in found if line.startswith(beginning)]
