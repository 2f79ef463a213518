"""Composition of the service on AWS: Settings → adapters → what every request shares."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from penstock.aws.logs.requests import request_log
from penstock.aws.logs.traces import traces
from penstock.aws.opened_store import open_store
from penstock.aws.services.clients import Clients
from penstock.settings import AwsSettings
from penstock.web.front.access_log import RequestRecord
from penstock.web.resources import Resources
from penstock.web.wiring import wired

if TYPE_CHECKING:
    # What serves downloads alone doesn't wait for what jobs need.
    from penstock.web.jobs.api import JobsApi


@contextmanager
def compose(
    settings: AwsSettings, clients: Clients, *, jobs: "JobsApi | None" = None
) -> Iterator[Resources]:
    """Wire the service for the body, and close everything after it.

    Nothing is read or looked up before the first request. With `jobs`, they are taken here.
    """
    with open_store(settings, clients, queries=settings.scan_slots) as opened:
        log = request_log(service=settings.service, namespace=settings.metrics_namespace)
        trace = traces(service=settings.service)

        def keep(record: RequestRecord) -> None:
            log(record)
            trace(record)

        with wired(
            settings,
            opened.ports,
            opened.engine,
            scratch=opened.scratch,
            basic_keys=False,
            keep=keep,
            jobs=jobs,
            offers_exports=settings.offers_exports,
        ) as resources:
            yield resources
