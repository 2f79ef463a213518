"""Two services on one home folder, both looking after its jobs: neither hinders the other."""

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.job_parts import JobHouse, job_house

from penstock.jobs.rules import JobRules
from penstock.jobs.sweep import Sweeper, sweep
from penstock.local.jobs.owners import this_clock

LOOKS = 8


@pytest.fixture
def other_clock() -> str:
    """What another process of this machine calls its steady clock."""
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "from penstock.local.jobs.owners import this_clock; print(this_clock(), end='')",
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    return said.stdout


def test_a_silent_worker_is_found_though_two_look_in_turn(tmp_path: Path, other_clock: str) -> None:
    if not sys.platform.startswith("linux"):
        # There each process has a clock of its own, as far as anybody can tell.
        assert other_clock != this_clock()
        return
    with job_house(tmp_path) as house:
        job = house.submit()
        claimed = job.claimed(owner="of elsewhere", now=house.now)
        house.ports.store.advance(claimed, was_version=job.version, fencing_token=job.fencing_token)
        began = time.monotonic()
        stalled = [
            sweep(looking(house, clock, began + 30 * number)).stalled
            for number, clock in enumerate([this_clock(), other_clock] * (LOOKS // 2))
        ]
    # Seen first at 0 s: at 60 s, the lease's length, it has been silent for as long.
    assert stalled == [0, 0, 1, *[0] * (LOOKS - 3)]


def looking(house: JobHouse, clock: str, seconds: float) -> Sweeper:
    return Sweeper(
        ports=house.ports,
        rules=JobRules(),
        observer=clock,
        seconds=lambda: seconds,
        now=lambda: datetime.now(UTC),
    )
