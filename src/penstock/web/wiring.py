"""Wiring: settings, ports and an engine become what every request of this process shares."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.model.clock import utc_now
from penstock.ports import Ports
from penstock.query import QueryLimits
from penstock.reading.engine import Engine
from penstock.reading.wiring import reader_of
from penstock.reading.workers import Workers
from penstock.settings import Settings
from penstock.web.downloads.spools import Spools
from penstock.web.front.access_log import Keep, as_a_line
from penstock.web.resources import Resources

if TYPE_CHECKING:
    # What serves downloads alone doesn't wait for what jobs need.
    from penstock.web.jobs.api import JobsApi

_SPOOLS_KEPT = 4
_ERRANDS = 8


@contextmanager
def wired(
    settings: Settings,
    ports: Ports,
    engine: Engine,
    *,
    scratch: Path,
    basic_keys: bool,
    keep: Keep = as_a_line,
    now: Callable[[], datetime] = utc_now,
    jobs: "JobsApi | None" = None,
    offers_exports: bool = False,
) -> Iterator[Resources]:
    """Give the resources to the body, and close those that were made here after it.

    Temporary files stand in `scratch`. With `basic_keys`, a key may be the password of Basic.
    """
    with ExitStack() as stack:
        workers = Workers(threads=settings.encode_threads)
        stack.callback(workers.close)
        errands = stack.enter_context(ThreadPoolExecutor(_ERRANDS, thread_name_prefix="errand"))
        spools = Spools(
            folder=scratch,
            most_bytes=settings.spool_bytes,
            kept_bytes=settings.spool_bytes * _SPOOLS_KEPT,
        )
        stack.callback(spools.close)
        yield Resources(
            ports=ports,
            reader=reader_of(settings, ports, engine, workers),
            spools=spools,
            errands=errands,
            now=now,
            limits=QueryLimits(filters=settings.filters, default_limit=settings.limit_rows),
            query_seconds=settings.query_seconds,
            response_bytes=settings.response_bytes,
            url_bytes=settings.url_bytes,
            chunk_bytes=settings.chunk_bytes,
            slow_reader_bytes=settings.sort_spill_bytes,
            requests_per_minute=settings.requests_per_minute,
            basic_keys=basic_keys,
            trusted_edge=settings.trusted_edge,
            keep=keep,
            jobs=jobs,
            offers_exports=offers_exports or jobs is not None,
        )
