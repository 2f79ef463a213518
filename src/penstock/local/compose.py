"""Composition of the embedded service: Settings → adapters → what every request shares."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Event

from penstock.jobs.rules import rules_of
from penstock.jobs.sweep import Sweeper
from penstock.local.jobs.owners import this_clock
from penstock.local.jobs.ports import local_jobs
from penstock.local.jobs.signals import local_signals
from penstock.local.jobs.tickets import MemoryTickets
from penstock.local.opened_store import ServedPath, open_home
from penstock.local.supervise import Supervisor
from penstock.model.clock import utc_now
from penstock.model.job import SIZES
from penstock.settings import Settings
from penstock.web.jobs.api import JobsApi
from penstock.web.resources import Resources
from penstock.web.wiring import wired


@contextmanager
def compose(settings: Settings, served: ServedPath) -> Iterator[Resources]:
    """Wire the embedded service for the body, and close everything after it.

    Worker processes are started when there is a job, and none is left afterwards.

    Raises SetupError if something that it stands on can't be used.
    """
    with ExitStack() as stack:
        opened = stack.enter_context(
            open_home(
                settings,
                served,
                memory_bytes=settings.engine_memory_bytes,
                queries=settings.scan_slots,
            )
        )
        woken = Event()
        signals = stack.enter_context(local_signals(settings, opened.home))
        jobs = stack.enter_context(local_jobs(opened.home, wake=woken.set, signals=signals))
        supervisor = Supervisor(
            commands=work_commands(settings, served),
            queue=jobs.queue,
            sweeper=Sweeper(
                ports=jobs.ports,
                rules=rules_of(settings),
                observer=this_clock(),
                seconds=time.monotonic,
                now=utc_now,
            ),
            sweep_seconds=settings.job_sweep_seconds,
            woken=woken,
            tidy=jobs.left_folders.remove_some,
            report=logging.getLogger("penstock.jobs").warning,
        )
        stack.enter_context(supervisor.running())
        yield stack.enter_context(
            wired(
                settings,
                opened.ports,
                opened.engine,
                scratch=opened.scratch,
                basic_keys=True,
                jobs=JobsApi(
                    ports=jobs.ports, tickets=MemoryTickets(), feed=jobs.store, signals=signals
                ),
            )
        )


def work_commands(settings: Settings, served: ServedPath) -> list[list[str]]:
    """Give the command of each worker: the first takes jobs of any size, the others no large ones.

    So small ones go on while a large one is worked on. Behind them come those of tenants that have
    workers of their own, the same way.
    """
    command = [sys.executable, "-m", "penstock", "work", "--supervised"]
    command += ["--home", str(settings.home)]
    command += [] if served.demo else ["--no-demo"]
    command += [] if served.null_text is None else ["--null", served.null_text]
    path = [] if served.path is None else ["--", str(served.path)]
    sizes = [["--size", size] for size in SIZES]
    few = [word for words in sizes[:-1] for word in words]
    owners = [[], *(["--tenant", tenant] for tenant in settings.own_workers)]
    return [
        [*command, *owner, *([] if place == 0 else few), *path]
        for owner, count in zip(
            owners, (settings.workers, *settings.own_workers.values()), strict=True
        )
        for place in range(count)
    ]
