"""Composition of an embedded worker: Settings → adapters → what every attempt shares."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from penstock.errors import NoDatabaseError
from penstock.exports.readers import TenantReaders
from penstock.exports.sources import ExportLimits, ExportSources
from penstock.exports.work import export
from penstock.jobs.rules import rules_of
from penstock.jobs.run import Worker
from penstock.local.demo_database import demo_connection_string, leave_demo_database
from penstock.local.job_ports import local_jobs
from penstock.local.opened import Served, open_home
from penstock.local.owners import this_owner
from penstock.local.queue import SqliteQueue
from penstock.model.clock import utc_now
from penstock.ports import JobPorts
from penstock.reading.workers import Workers
from penstock.settings import Settings
from penstock.web.wiring import reader_of


@contextmanager
def compose_work(
    settings: Settings,
    served: Served,
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
        demo = partial(_demo_database, opened.home) if served.path is None and served.demo else None
        stack.callback(leave_demo_database, opened.home)
        jobs = stack.enter_context(local_jobs(opened.home, demo_database=demo))
        ports = adapt(jobs.ports)
        readers = TenantReaders(ports.databases)
        stack.callback(readers.close)
        threads = Workers(threads=settings.encode_threads)
        stack.callback(threads.close)
        sources = ExportSources(
            catalog=opened.ports.catalog,
            exported=opened.ports.exported,
            drafts=opened.exports,
            reader=reader_of(settings, opened.ports, opened.engine, threads),
            keys=opened.ports.keys,
            databases=readers,
            outputs=ports.outputs,
            now=utc_now,
            limits=ExportLimits(
                part_rows=settings.export_part_rows,
                part_bytes=settings.export_part_bytes,
                filters=settings.filters,
            ),
        )
        worker = Worker(
            ports=ports,
            works={"export": partial(export, sources)},
            rules=rules_of(settings),
            owner=this_owner(),
            now=utc_now,
            is_stopping=is_stopping,
        )
        yield worker, jobs.queue


def _demo_database(home: Path, tenant: str) -> str | None:
    """Start the demo's databases when the first of them is wanted."""
    try:
        return demo_connection_string(home, tenant)
    except NoDatabaseError:
        return None
