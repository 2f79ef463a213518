"""Wiring: settings and ports become what the work of exports reads from and writes to."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from penstock.exports.limits import ExportLimits
from penstock.exports.readers import TenantReaders
from penstock.exports.resources import ExportResources
from penstock.model.clock import utc_now
from penstock.ports import Drafts, JobPorts, Ports, RangeReaders
from penstock.reading.engine import Engine
from penstock.reading.wiring import reader_of
from penstock.reading.workers import Workers
from penstock.settings import Settings


def limits_of(settings: Settings) -> ExportLimits:
    """Give the limits that exports of these settings have."""
    return ExportLimits(
        part_rows=settings.export_part_rows,
        part_bytes=settings.export_part_bytes,
        filters=settings.filters,
    )


@contextmanager
def export_resources(
    settings: Settings,
    ports: Ports,
    jobs: JobPorts,
    engine: Engine,
    *,
    drafts: Drafts,
    range_readers: RangeReaders | None,
) -> Iterator[ExportResources]:
    """Give the resources to the body, and close those that were made here after it."""
    with ExitStack() as stack:
        readers = TenantReaders(jobs.databases)
        stack.callback(readers.close)
        threads = Workers(threads=settings.encode_threads)
        stack.callback(threads.close)
        yield ExportResources(
            catalog=ports.catalog,
            exported=ports.exported,
            drafts=drafts,
            reader=reader_of(settings, ports, engine, threads),
            keys=ports.keys,
            databases=readers,
            outputs=jobs.outputs,
            now=utc_now,
            limits=limits_of(settings),
            range_readers=range_readers,
        )
