"""What isn't an attempt (submitting, cancelling, redriving, sweeping) by mortal processes.

One process forks all of them. Each line of standard input is `HOME CALL MOMENT STEP NAME`, as in
dying_worker.py; NAME is a job's id, or the idempotency key of one that is submitted. Each answer is
`ended` or `killed`, and the name of the call.
"""

import os
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

from tests.flows.dying_worker import dying

from penstock.errors import UnknownJobError
from penstock.jobs.cancel import cancel, discard
from penstock.jobs.redrive import redrive
from penstock.jobs.rules import JobRules
from penstock.jobs.submit import Submission, submit
from penstock.jobs.sweep import Sweeper, sweep
from penstock.local.jobs.ports import local_jobs
from penstock.model.clock import utc_now
from penstock.ports import JobPorts

TENANT = "acme"
LATER = timedelta(days=8)
"""After this the files of a result are kept no longer."""


def submitted(ports: JobPorts, name: str) -> None:
    """Ask for a slice under an idempotency key."""
    wanted = Submission(
        tenant=TENANT,
        user="ada",
        kind="export",
        type="dataset-slice",
        params={"dataset": "numbers", "query": "n__lt=9", "formats": []},
        size="medium",
        dataset_version="v1",
        idempotency_key=name,
    )
    submit(ports, wanted, now=utc_now())


def cancelled(ports: JobPorts, name: str) -> None:
    """Cancel a job."""
    cancel(ports, ports.store.get(TENANT, name), now=utc_now())


def discarded(ports: JobPorts, name: str) -> None:
    """Remove a job, if it is still there."""
    try:
        job = ports.store.get(TENANT, name)
    except UnknownJobError:
        return
    discard(ports, job, now=utc_now())


def redriven(ports: JobPorts, _name: str) -> None:
    """Redrive every dead letter."""
    for letter in ports.letters.list(limit=10):
        redrive(ports, letter, now=utc_now())


def swept(ports: JobPorts, name: str) -> None:
    """Sweep twice, NAME seconds apart."""
    seconds = [0.0]
    sweeper = Sweeper(
        ports=ports,
        rules=JobRules(),
        observer="test",
        seconds=lambda: seconds[0],
        now=utc_now,
    )
    sweep(sweeper)
    seconds[0] = float(name)
    sweep(sweeper)


def swept_later(ports: JobPorts, _name: str) -> None:
    """Sweep when results are kept no longer."""
    sweep(
        Sweeper(
            ports=ports,
            rules=JobRules(),
            observer="test",
            seconds=lambda: 0.0,
            now=lambda: utc_now() + LATER,
        )
    )


STEPS: Mapping[str, Callable[[JobPorts, str], None]] = {
    "submit": submitted,
    "cancel": cancelled,
    "discard": discarded,
    "redrive": redriven,
    "sweep": swept,
    "sweep-later": swept_later,
}


def main() -> None:
    """Fork a process for each line, and wait for its end."""
    for line in sys.stdin:
        home, at, moment, step, name = line.rsplit(maxsplit=4)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            with local_jobs(Path(home)) as jobs:
                STEPS[step](dying(jobs.ports, at=int(at), moment=moment, told=write), name)
            os.write(write, b"ended -\n")
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as told:
            said = told.read().strip()
        _, status = os.waitpid(child, 0)
        print(said or f"died {status}", flush=True)  # noqa: T201 - the protocol


if __name__ == "__main__":
    main()
