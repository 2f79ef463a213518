"""The adapters of jobs in a home folder."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from penstock.jobs.routing_facts import ROUTED, buried_facts, dispatched_facts
from penstock.local.home_layout import databases_path, jobs_path, store_path
from penstock.local.jobs.database import JobDatabase
from penstock.local.jobs.databases import FileDatabases
from penstock.local.jobs.dead_letters import SqliteDeadLetters
from penstock.local.jobs.events import SqliteJobEvents
from penstock.local.jobs.left_folders import LeftFolders
from penstock.local.jobs.outputs import FileOutputs
from penstock.local.jobs.queue import SqliteQueue
from penstock.local.jobs.store import SqliteJobStore
from penstock.local.jobs.upkeep import SqliteJobUpkeep
from penstock.local.jobs.used_keys import SqliteUsedKeys
from penstock.model.clock import utc_now
from penstock.model.event import JobEvent
from penstock.model.message import JobMessage
from penstock.ports import JobPorts, Signals
from penstock.signals.hinted_events import HintedEvents
from penstock.signals.silent import SILENT

_LOG = logging.getLogger("penstock.jobs")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalJobs:
    """The jobs of a home, as their ports and as what is more than these here."""

    ports: JobPorts
    store: SqliteJobStore
    queue: SqliteQueue
    left_folders: LeftFolders


class _StoredIsPublished:
    """Events need no hand-over here: whoever listens looks into the file where they are stored."""

    def publish(self, event: JobEvent) -> None:
        pass


class _Waking:
    """A queue that wakes its workers' supervisor with each message, and tells of it by the log.

    It is called by the tenant where that one has workers of its own, else by the size.
    """

    def __init__(
        self, queue: SqliteQueue, wake: Callable[[], None], tenants_apart: frozenset[str]
    ) -> None:
        self._queue = queue
        self._wake = wake
        self._apart = tenants_apart

    def send(self, message: JobMessage, *, delay_seconds: float = 0) -> None:
        self._queue.send(message, delay_seconds=delay_seconds)
        self._wake()
        name = message.tenant if message.tenant in self._apart else message.size
        _tell(dispatched_facts(message, queue=name, delay_seconds=delay_seconds))

    def bury(self, message: JobMessage, *, reason: str) -> None:
        self._queue.bury(message, reason=reason)
        _tell(buried_facts(message, reason=reason))


def _tell(facts: Mapping[str, object]) -> None:
    _LOG.info("%s %s", ROUTED, " ".join(f"{name}={value}" for name, value in facts.items()))


@contextmanager
def local_jobs(
    home: Path,
    *,
    demo_database: Callable[[str], str | None] | None = None,
    wake: Callable[[], None] = lambda: None,
    tenants_apart: frozenset[str] = frozenset(),
    signals: Signals = SILENT,
) -> Iterator[LocalJobs]:
    """Open the jobs of a home for the body; `wake` is called when one is dispatched.

    Messages of `tenants_apart` are received only by those who ask for that tenant. By `signals`,
    who watches jobs or works on them is told of each that changed.

    Raises SetupError if their file can't be used.
    """
    database = JobDatabase(jobs_path(home))
    try:
        letters = SqliteDeadLetters(database, now=utc_now)
        store = SqliteJobStore(database)
        queue = SqliteQueue(
            database,
            letters=letters,
            clock=time.monotonic,
            now=utc_now,
            tenants_apart=tenants_apart,
        )
        outputs = FileOutputs(store_path(home))
        yield LocalJobs(
            ports=JobPorts(
                store=store,
                used_keys=SqliteUsedKeys(database),
                events=SqliteJobEvents(database),
                upkeep=SqliteJobUpkeep(database),
                dispatch=_Waking(queue, wake, tenants_apart),
                letters=letters,
                publisher=HintedEvents(
                    _StoredIsPublished(), signals, audiences=("watchers", "workers")
                ),
                outputs=outputs,
                databases=FileDatabases(
                    databases_path(home), demo=demo_database or (lambda _: None)
                ),
            ),
            store=store,
            queue=queue,
            left_folders=LeftFolders(store_path(home), database, outputs),
        )
    finally:
        database.close()
