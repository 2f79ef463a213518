"""Composition of an embedded worker: Settings → adapters → what every attempt shares."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from penstock.exports.wiring import export_resources, limits_of
from penstock.exports.work import export
from penstock.jobs.rules import rules_of
from penstock.jobs.worker import Worker
from penstock.local.demo.database import found_demo_database, leave_demo_database
from penstock.local.jobs.owners import this_owner
from penstock.local.jobs.ports import local_jobs
from penstock.local.jobs.queue import SqliteQueue
from penstock.local.jobs.range_pool import RangePool
from penstock.local.jobs.signals import local_signals
from penstock.local.opened_store import ServedPath, open_home
from penstock.model.clock import utc_now
from penstock.ports import JobPorts
from penstock.settings import Settings


@contextmanager
def compose_work(
    settings: Settings,
    served: ServedPath,
    *,
    is_stopping: Callable[[], bool],
    adapt: Callable[[JobPorts], JobPorts] = lambda ports: ports,
) -> Iterator[tuple[Worker, SqliteQueue]]:
    """Wire a worker for the body, with the queue that it takes messages from.

    `adapt` may put a part of a test's own in place of a real one.

    Raises SetupError if something that it stands on can't be used.
    """
    with ExitStack() as stack:
        opened = stack.enter_context(
            open_home(settings, served, memory_bytes=settings.worker_memory_bytes, queries=1)
        )
        # Only a service that has demo tenants has databases for them.
        has_demo = served.path is None and served.demo
        demo = partial(found_demo_database, opened.home) if has_demo else None
        stack.callback(leave_demo_database, opened.home)
        signals = stack.enter_context(local_signals(settings, opened.home))
        jobs = stack.enter_context(
            local_jobs(
                opened.home,
                demo_database=demo,
                tenants_apart=frozenset(settings.own_workers),
                signals=signals,
            )
        )
        ports = adapt(jobs.ports)
        sources = stack.enter_context(
            export_resources(
                settings,
                opened.ports,
                ports,
                opened.engine,
                drafts=opened.exports,
                range_readers=RangePool(
                    home=opened.home,
                    has_demo=has_demo,
                    limits=limits_of(settings),
                    at_once=settings.export_readers,
                ),
            )
        )
        worker = Worker(
            ports=ports,
            works={"export": partial(export, sources)},
            rules=rules_of(settings),
            owner=this_owner(),
            now=utc_now,
            is_stopping=is_stopping,
            signals=signals,
        )
        yield worker, jobs.queue
