"""Composition of a worker in a stack: Settings → adapters → what every attempt shares."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from penstock.aws.jobs.map_ranges import MapRanges
from penstock.aws.jobs.ports import job_ports
from penstock.aws.jobs.signals import stack_signals
from penstock.aws.opened_store import open_store
from penstock.aws.services.clients import Clients
from penstock.exports.wiring import export_resources
from penstock.exports.work import export
from penstock.jobs.rules import rules_of
from penstock.jobs.worker import Worker
from penstock.model.clock import utc_now
from penstock.ports import Outputs, RangeReaders
from penstock.settings import JobSettings


@contextmanager
def compose_work(
    settings: JobSettings,
    clients: Clients,
    *,
    owner: str,
    is_stopping: Callable[[], bool],
    had_whole_time: Callable[[float], bool] = lambda _began: False,
) -> Iterator[Worker]:
    """Wire a worker for the body, and close everything after it.

    `owner` names the function's environment in leases; the others are the worker's own.
    """
    with ExitStack() as stack:
        opened = stack.enter_context(open_store(settings, clients, queries=1))
        ports = job_ports(settings, clients)
        sources = stack.enter_context(
            export_resources(
                settings,
                opened.ports,
                ports,
                opened.engine,
                drafts=opened.exports,
                range_readers=_range_readers(settings, clients, ports.outputs),
            )
        )
        yield Worker(
            ports=ports,
            works={"export": partial(export, sources)},
            rules=rules_of(settings),
            owner=owner,
            now=utc_now,
            is_stopping=is_stopping,
            had_whole_time=had_whole_time,
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
