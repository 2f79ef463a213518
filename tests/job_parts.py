"""Jobs over the embedded adapters, with a clock that tests move and work that they script."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from penstock.jobs.rules import JobRules
from penstock.jobs.run import RunOutcome, run
from penstock.jobs.submit import Submission, submit
from penstock.jobs.sweep import SweepCounts, Sweeper, sweep
from penstock.jobs.worker import Work, Worker
from penstock.local.jobs.database import JobDatabase
from penstock.local.jobs.databases import FileDatabases
from penstock.local.jobs.dead_letters import SqliteDeadLetters
from penstock.local.jobs.events import SqliteJobEvents
from penstock.local.jobs.outputs import FileOutputs
from penstock.local.jobs.queue import ReceivedMessage, SqliteQueue
from penstock.local.jobs.store import SqliteJobStore
from penstock.local.jobs.upkeep import SqliteJobUpkeep
from penstock.local.jobs.used_keys import SqliteUsedKeys
from penstock.model.event import JobEvent
from penstock.model.job import SIZES, Job
from penstock.ports import JobPorts

START = datetime(2026, 5, 1, tzinfo=UTC)


@dataclass
class Listener:
    """An Events that keeps what it hears, and can be made to fail or to hang."""

    heard: list[JobEvent] = field(default_factory=list)
    fault: Exception | None = None
    hangs: threading.Event | None = None

    def publish(self, event: JobEvent) -> None:
        if self.hangs is not None:
            self.hangs.wait(60)
        if self.fault is not None:
            raise self.fault
        self.heard.append(event)

    def names(self, job: Job) -> list[str]:
        """What was told of a job, progress left out."""
        return [
            event.name
            for event in self.heard
            if event.job_id == job.id and event.name != "job.progress"
        ]


@dataclass
class JobHouse:
    """A home's jobs; `seconds` and `now` stand still until they are moved."""

    ports: JobPorts
    queue: SqliteQueue
    listener: Listener
    store_root: Path
    seconds: float = 1000.0
    now: datetime = START

    def submission(self, **changed: object) -> Submission:
        wanted: dict[str, object] = {
            "tenant": "acme",
            "user": "ada",
            "kind": "export",
            "type": "premium-pay",
            "params": {"year": 2026},
            "size": "small",
        }
        return Submission(**{**wanted, **changed})  # type: ignore[arg-type] # made of these names

    def submit(self, **changed: object) -> Job:
        return submit(self.ports, self.submission(**changed), now=self.now)

    def worker(
        self, work: Work, *, owner: str = "w1", is_stopping: Callable[[], bool] = lambda: False
    ) -> Worker:
        return Worker(
            ports=self.ports,
            works={"export": work},
            rules=JobRules(report_seconds=0.01, drain_seconds=1),
            owner=owner,
            now=lambda: self.now,
            is_stopping=is_stopping,
        )

    def receive(self) -> ReceivedMessage | None:
        return self.queue.receive(SIZES, visible_seconds=900)

    def run_next(self, worker: Worker) -> RunOutcome | None:
        """Work on the next message that is due, as a worker process does."""
        received = self.receive()
        if received is None:
            return None
        ran = run(worker, received.message)
        self.queue.done(received)
        return ran

    def sweep(self, *, after: float = 0, observer: str = "here") -> SweepCounts:
        self.pass_time(after)
        sweeper = Sweeper(
            ports=self.ports,
            rules=JobRules(),
            observer=observer,
            seconds=lambda: self.seconds,
            now=lambda: self.now,
        )
        return sweep(sweeper)

    def pass_time(self, seconds: float) -> None:
        self.seconds += seconds
        self.now += timedelta(seconds=seconds)

    def latest(self, job: Job) -> Job:
        return self.ports.store.get(job.tenant, job.id)

    def files(self, job: Job) -> list[str]:
        folder = self.store_root / job.tenant / job.folder
        return sorted(path.name for path in folder.rglob("*") if path.is_file())


@contextmanager
def job_house(home: Path) -> Iterator[JobHouse]:
    """Open the jobs of a home folder for the body."""
    database = JobDatabase(home / "jobs.sqlite")
    listener = Listener()
    house: JobHouse

    def now() -> datetime:
        return house.now

    def clock() -> float:
        return house.seconds

    letters = SqliteDeadLetters(database, now=now)
    queue = SqliteQueue(database, letters=letters, clock=clock, now=now)
    root = home / "store"
    house = JobHouse(
        ports=JobPorts(
            store=SqliteJobStore(database),
            used_keys=SqliteUsedKeys(database),
            events=SqliteJobEvents(database),
            upkeep=SqliteJobUpkeep(database),
            dispatch=queue,
            letters=letters,
            publisher=listener,
            outputs=FileOutputs(root),
            databases=FileDatabases(home / "databases.json"),
        ),
        queue=queue,
        listener=listener,
        store_root=root,
    )
    try:
        yield house
    finally:
        # One that hung is left behind by its attempt, and may still be writing.
        for thread in threading.enumerate():
            if thread.name == "progress":
                thread.join(60)
        database.close()
