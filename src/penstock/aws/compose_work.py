"""Composition of a worker in a stack: Settings → adapters → what every attempt shares."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from penstock.aws.compose import open_store
from penstock.aws.jobs.map_ranges import MapRanges
from penstock.aws.jobs.ports import job_ports
from penstock.aws.jobs.signals import stack_signals
from penstock.aws.services.clients import Clients
from penstock.exports.limits import ExportLimits
from penstock.exports.readers import TenantReaders
from penstock.exports.sources import ExportSources
from penstock.exports.work import export
from penstock.jobs.rules import rules_of
from penstock.jobs.run import Worker
from penstock.model.clock import utc_now
from penstock.ports import Outputs, RangeReaders
from penstock.reading.workers import Workers
from penstock.settings import JobSettings
from penstock.web.wiring import reader_of


@contextmanager
def compose_work(
    settings: JobSettings, clients: Clients, *, owner: str, is_stopping: Callable[[], bool]
) -> Iterator[Worker]:
    """Wire a worker for the body, and close everything after it.

    `owner` names the function's environment in leases.
    """
    with ExitStack() as stack:
        opened = stack.enter_context(open_store(settings, clients, queries=1))
        ports = job_ports(settings, clients)
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
            range_readers=_range_readers(settings, clients, ports.outputs),
        )
        yield Worker(
            ports=ports,
            works={"export": partial(export, sources)},
            rules=rules_of(settings),
            owner=owner,
            now=utc_now,
            is_stopping=is_stopping,
            is_time_bounded=True,
            signals=stack.enter_context(stack_signals(settings, clients)),
        )


def _range_readers(
    settings: JobSettings, clients: Clients, outputs: Outputs
) -> RangeReaders | None:
    if settings.ranges_machine is None:
        return None
    return MapRanges(
        client=clients.of("stepfunctions"),
        machine=settings.ranges_machine,
        outputs=outputs,
        at_once=settings.export_readers,
    )
