"""What every request of this process shares."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from penstock.ports import Ports
from penstock.query import QueryLimits
from penstock.reading.reader import Reader
from penstock.web.downloads.spools import Spools
from penstock.web.front.access_log import Keep

if TYPE_CHECKING:
    # What serves downloads alone doesn't wait for what jobs need.
    from penstock.web.jobs.api import JobsApi


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """The ports, the reader, and the bounds within which requests are answered.

    Sizes are bytes. `basic_keys` lets a key travel as a Basic password; `trusted_edge` believes
    what an edge in front says of hosts and addresses. `keep` is called with each request's record.
    `errands` runs short look-ups beside a request. `jobs` is set where jobs are taken in this
    process; `offers_exports` says that they are taken under the same hosts, here or elsewhere.
    """

    ports: Ports
    reader: Reader
    spools: Spools
    errands: Executor
    now: Callable[[], datetime]
    limits: QueryLimits
    query_seconds: float
    response_bytes: int | None
    url_bytes: int
    chunk_bytes: int
    slow_reader_bytes: int
    requests_per_minute: int
    basic_keys: bool
    trusted_edge: bool
    keep: Keep
    jobs: "JobsApi | None" = None
    offers_exports: bool = False
