"""Processes that kill themselves where they are told to, and who looks after what they leave."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from penstock.jobs.rules import JobRules
from penstock.jobs.sweep import Sweeper, sweep
from penstock.local.compose import work_commands
from penstock.local.jobs.ports import LocalJobs
from penstock.local.opened_store import ServedPath
from penstock.local.supervise import Supervisor
from penstock.settings import Settings


class Mortals:
    """Speaks with a process that forks the mortal ones (dying_worker.py, dying_steps.py)."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def live(self, home: Path, *words: str, at: int = 0, moment: str = "before") -> tuple[str, str]:
        """Do what the words say, or all there is to do, until the end or until death.

        Tells which of both, and at which call.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(" ".join([str(home), str(at), moment, *words]) + "\n")
        self._process.stdin.flush()
        how, _, name = self._process.stdout.readline().strip().partition(" ")
        return how, name


@contextmanager
def mortals(module: str) -> Iterator[Mortals]:
    """Run one of the modules for the body."""
    with subprocess.Popen(
        [sys.executable, "-m", f"tests.flows.{module}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as process:
        yield Mortals(process)
        assert process.stdin is not None
        process.stdin.close()


def find_dropped(jobs: LocalJobs) -> None:
    """Do what a service does when a worker has died, and what it does some minutes later."""
    seconds = 0.0
    sweeper = Sweeper(
        ports=jobs.ports,
        rules=JobRules(),
        observer="test",
        seconds=lambda: seconds,
        now=lambda: datetime.now(UTC),
    )
    Supervisor(
        commands=work_commands(Settings(), ServedPath()),
        queue=jobs.queue,
        sweeper=sweeper,
        sweep_seconds=30,
        woken=threading.Event(),
        report=lambda _: None,
    ).hand_on_dead()
    sweep(sweeper)
    seconds = 100_000.0
    sweep(sweeper)
