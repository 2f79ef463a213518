"""Jobs, their events and their upkeep beside a model of them, whatever comes in whatever order."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, TypeAlias, cast

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)
from tests import long_runs
from tests.job_homes import JobRecords, OpenRecords, a_job, told
from tests.moving_clock import START

from penstock.errors import (
    IdempotencyMismatchError,
    JobStateError,
    PenstockError,
    RemovedJobError,
    StaleJobError,
    UnknownJobError,
)
from penstock.model.artifact import Artifact
from penstock.model.event import EventName, JobEvent
from penstock.model.fault import JobFault
from penstock.model.job import Job
from penstock.model.job_id import new_job_id
from penstock.model.job_state import STATES, SUCCESSFUL, TERMINAL, WAITING, JobState
from penstock.model.progress import Progress, first_seq
from penstock.ports import JobFilter, Observation

FAULT = JobFault(code="recoverable", kind="recoverable", message="lost", retryable=True)
ARTIFACT = Artifact(part="part-000001-00000.parquet", rows=3, bytes=100, sha256="ab" * 32)
DAY = timedelta(hours=24)
WEEK = timedelta(days=7)
KEPT = timedelta(days=90)

Place: TypeAlias = tuple[str, str]
Step: TypeAlias = tuple[Callable[[Job, datetime], Job], EventName | None]

STEPS: list[Step] = [
    (lambda job, _: job.queued(), None),
    (lambda job, now: job.claimed(owner="w", now=now), "job.started"),
    (lambda job, _: job.checkpointed({"after": [1, "x"]}, (ARTIFACT,)), None),
    (lambda job, _: job.finalizing(), None),
    (
        lambda job, now: job.succeeded((ARTIFACT,), now=now, expires_at=now + WEEK),
        "job.succeeded",
    ),
    (lambda job, now: job.failed(FAULT, now=now), "job.failed"),
    (lambda job, _: job.requeued(FAULT), None),
    (lambda job, _: job.stalling(), "job.stalled"),
    (lambda job, _: job.redriven(), None),
    (lambda job, now: job.cancelling(now=now), "job.cancelling"),
    (lambda job, now: job.cancelled(now=now), "job.cancelled"),
    (lambda job, _: job.expired(), "job.expired"),
]


@dataclass(slots=True)
class Model:
    """What is to be stored: jobs, the events of each, those to be published, and observations."""

    jobs: dict[Place, Job] = field(default_factory=dict)
    used: list[Job] = field(default_factory=list)
    """Every job that was ever stored under an idempotency key."""
    events: dict[Place, list[JobEvent]] = field(default_factory=dict)
    outbox: list[JobEvent] = field(default_factory=list)
    seen: dict[Place, Observation] = field(default_factory=dict)

    def add(self, job: Job, event: JobEvent) -> Job:
        before = [
            other
            for other in self.used
            if (other.tenant, other.user) == (job.tenant, job.user)
            and other.idempotency_key == job.idempotency_key is not None
            and job.created - other.created < DAY
        ]
        if before:
            then = max(before, key=lambda other: other.created)
            if (then.kind, then.type, then.params_hash) != (job.kind, job.type, job.params_hash):
                raise IdempotencyMismatchError
            if place_of(then) not in self.jobs:
                raise RemovedJobError(then.id)
            return self.jobs[place_of(then)]
        self.jobs[place_of(job)] = job
        if job.idempotency_key is not None:
            self.used.append(job)
        self._tell(event)
        return job

    def advance(self, job: Job, before: Job, event: JobEvent | None) -> None:
        stored = self.stored(place_of(job))
        if (stored.version, stored.fencing_token) != (before.version, before.fencing_token):
            raise StaleJobError(job.id)
        self.jobs[place_of(job)] = job
        if event is not None:
            self._tell(event)

    def report(self, place: Place, progress: Progress, token: int, now: datetime) -> Job:
        job = self.stored(place)
        is_late = job.fencing_token != token or progress.seq <= job.progress.seq
        if not is_late and job.state not in TERMINAL | WAITING:
            job = self.jobs[place] = job.reported(progress, now=now)
        return job

    def remove(self, place: Place) -> None:
        if self.jobs.pop(place, None) is not None:
            self.seen.pop(place, None)
            self.outbox = [event for event in self.outbox if event not in self.events[place]]
            del self.events[place]

    def stored(self, place: Place) -> Job:
        if place not in self.jobs:
            raise UnknownJobError
        return self.jobs[place]

    def _tell(self, event: JobEvent) -> None:
        self.events.setdefault((event.tenant, event.job_id), []).append(event)
        self.outbox.append(event)


class JobMachine(RuleBasedStateMachine):
    """Two processes work on the same jobs, each with what it last saw of them."""

    seen_jobs = Bundle("seen_jobs")
    tenants = st.sampled_from(["acme", "river"])
    views = st.integers(0, 1)
    ages = st.sampled_from(["fresh", "fresh", "as seen"])

    connected: ClassVar[list[JobRecords]]

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.now = START
        # Keys outlive their jobs, and so one machine.
        self.life = new_job_id()

    def ticked(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    @initialize(
        target=seen_jobs,
        lives=st.lists(st.lists(st.integers(0, 11), max_size=6), min_size=2, max_size=4),
    )
    def begin(self, lives: list[list[int]]) -> MultipleResults[Job]:
        """Some jobs are on their way already, each by a way of its own."""
        begun: list[Job] = []
        for number, life in enumerate(lives):
            job = cast(
                "Job", self.add(view=0, tenant="acme", user="ann", key=f"k{number}", year=2024)
            )
            for which in life:
                job = cast("Job", self.step(view=1, seen=job, age="fresh", which=which))
            begun.append(job)
        return multiple(*begun)

    @rule(
        target=seen_jobs,
        view=views,
        tenant=tenants,
        user=st.sampled_from(["ann", "bob"]),
        key=st.sampled_from([None, "k1", "k2"]),
        year=st.sampled_from([2023, 2024]),
    )
    def add(self, view: int, tenant: str, user: str, key: str | None, year: int) -> Job:
        now = self.ticked()
        own = None if key is None else f"{key}-{self.life}"
        job = a_job(tenant=tenant, user=user, key=own, params={"year": year}, created=now)
        event = told(job, at=now)
        store = self.connected[view].store
        given = self.same(
            lambda: store.add(job, event),
            lambda: self.model.add(job, event),
        )
        self.look(job)
        return job if given is None else given

    @rule(target=seen_jobs, view=views, seen=seen_jobs)
    def read(self, view: int, seen: Job) -> Job:
        store = self.connected[view].store
        given = self.same(
            lambda: store.get(seen.tenant, seen.id), lambda: self.model.stored(place_of(seen))
        )
        return seen if given is None else given

    @rule(target=seen_jobs, view=views, seen=seen_jobs, age=ages, which=st.integers(0, 11))
    def step(self, view: int, seen: Job, age: str, which: int) -> Job:
        """A step from what the job is, or from what was seen long ago."""
        seen = self.aged(seen, age)
        now = self.ticked()
        steps = steps_from(seen, now)
        if not steps:
            return seen
        step, event_name = steps[which % len(steps)]
        event = None if event_name is None else told(step, event_name, at=now)
        store = self.connected[view].store
        refused = []

        def advance() -> None:
            store.advance(
                step, was_version=seen.version, fencing_token=seen.fencing_token, event=event
            )

        try:
            self.model.advance(step, seen, event)
        except PenstockError as error:
            refused.append(type(error))
            with pytest.raises(type(error)):
                advance()
        else:
            advance()
        self.look(seen)
        return seen if refused else step

    @rule(
        target=seen_jobs,
        view=views,
        seen=seen_jobs,
        age=ages,
        back=st.integers(0, 2),
        counter=st.integers(0, 6),
        done=st.integers(0, 1000),
        token=st.sampled_from([0, 0, -1, -2]),
    )
    def report(
        self, view: int, seen: Job, age: str, back: int, counter: int, done: int, token: int
    ) -> Job:
        """A word of this attempt or an earlier one: in time, late, doubled or of a lost lease."""
        seen = self.aged(seen, age)
        now = self.ticked()
        seq = max(first_seq(max(seen.attempt - back, 0)), seen.progress.seq - back) + counter
        said = Progress(seq=seq, done=done, total=1000, rejected=done % 2, bytes=7, phase="reading")
        held = seen.fencing_token + token
        store = self.connected[view].store
        given = self.same(
            lambda: store.report(seen.tenant, seen.id, said, fencing_token=held, now=now),
            lambda: self.model.report(place_of(seen), said, held, now),
        )
        self.look(seen)
        return seen if given is None else given

    @rule(view=views, seen=seen_jobs, beat=st.integers(0, 3))
    def observe(self, view: int, seen: Job, beat: int) -> None:
        observation = Observation(pulse=str(beat), observer="boot-1", seconds=beat / 4)
        self.connected[view].upkeep.observe(seen, observation)
        if place_of(seen) in self.model.jobs:
            self.model.seen[place_of(seen)] = observation
        self.look(seen)

    @rule(view=views, which=st.integers(0, 5), twice=st.booleans())
    def publish(self, view: int, which: int, twice: bool) -> None:  # noqa: FBT001 - drawn by name
        events = self.connected[view].events
        waiting = events.unpublished(limit=which + 1)
        assert waiting == self.model.outbox[: which + 1]
        for event in waiting[which:]:
            for _ in range(1 + twice):
                events.published(event)
            self.model.outbox.remove(event)

    @rule(view=views, job=consumes(seen_jobs))
    def remove(self, view: int, job: Job) -> None:
        self.connected[view].upkeep.remove(job.tenant, job.id)
        self.model.remove(place_of(job))
        self.look(job)

    @rule(hours=st.sampled_from([1, 23, 24, 24 * 7, 24 * 91]))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(view=views, seen=seen_jobs, after=st.integers(-1, 2**34))
    def replay(self, view: int, seen: Job, after: int) -> None:
        expected = [
            event for event in self.model.events.get(place_of(seen), []) if event.seq > after
        ]
        assert self.connected[view].events.after(seen.tenant, seen.id, after) == expected

    @rule(
        view=views,
        tenant=tenants,
        user=st.sampled_from([None, "ann"]),
        state=st.sampled_from((None, *STATES)),
        limit=st.integers(1, 4),
    )
    def list_some(
        self, view: int, tenant: str, user: str | None, state: JobState | None, limit: int
    ) -> None:
        wanted = JobFilter(user=user, state=state)
        expected = sorted(
            (
                job
                for job in self.model.jobs.values()
                if job.tenant == tenant and user in (None, job.user) and state in (None, job.state)
            ),
            key=lambda job: job.id,
            reverse=True,
        )
        listed = self.connected[view].store.list(tenant, wanted, limit=limit)
        assert listed == expected[:limit]
        if listed:
            rest = self.connected[view].store.list(
                tenant, wanted, limit=limit, before=listed[-1].id
            )
            assert rest == expected[limit : 2 * limit]

    @rule(view=views)
    def sweep(self, view: int) -> None:
        upkeep = self.connected[view].upkeep
        jobs = self.model.jobs
        unfinished = {place_of(job): (job, seen) for job, seen in upkeep.unfinished()}
        assert unfinished == {
            place: (job, self.model.seen.get(place))
            for place, job in jobs.items()
            if not job.is_over
        }
        outdated = list(upkeep.outdated(now=self.now, rows_before=self.now - KEPT))
        assert len(outdated) == len({place_of(job) for job in outdated})
        assert {place_of(job): job for job in outdated} == {
            place: job for place, job in jobs.items() if self.is_outdated(job)
        }

    def teardown(self) -> None:
        """Leave the home as empty as it was."""
        try:
            self.sweep(view=0)
            for job in list(self.model.jobs.values()):
                self.look(job)
        finally:
            for tenant in ("acme", "river"):
                for job in self.connected[1].store.list(tenant, JobFilter(), limit=1000):
                    self.connected[1].upkeep.remove(job.tenant, job.id)
        assert self.connected[0].events.unpublished(limit=10) == []
        assert list(self.connected[0].upkeep.unfinished()) == []

    def aged(self, seen: Job, age: str) -> Job:
        """Give a job as it is by now, or as it was seen."""
        return self.model.jobs.get(place_of(seen), seen) if age == "fresh" else seen

    def is_outdated(self, job: Job) -> bool:
        expired = job.expires_at is not None and job.expires_at <= self.now
        return (job.state in SUCCESSFUL and expired) or (
            job.is_over and job.created < self.now - KEPT
        )

    def same(self, stored: Callable[[], Job], expected: Callable[[], Job]) -> Job | None:
        """Give what both give; None where both refuse in the same way."""
        try:
            wanted = expected()
        except PenstockError as error:
            with pytest.raises(type(error)):
                stored()
            return None
        assert stored() == wanted
        return wanted

    def look(self, job: Job) -> None:
        place = place_of(job)
        for records in self.connected:
            if place in self.model.jobs:
                assert records.store.get(*place) == self.model.jobs[place]
            else:
                with pytest.raises(UnknownJobError):
                    records.store.get(*place)
        (records, *_) = self.connected
        assert records.events.after(*place, -1) == self.model.events.get(place, [])


def steps_from(job: Job, now: datetime) -> list[tuple[Job, EventName | None]]:
    """Give every step that the job's state allows, with what is told of it."""
    steps = []
    for make, event_name in STEPS:
        with suppress(JobStateError):
            steps.append((make(job, now), event_name))
    return steps


def place_of(job: Job) -> Place:
    return job.tenant, job.id


def test_jobs_are_as_their_model_whatever_comes(connect: OpenRecords, is_slow: bool) -> None:  # noqa: FBT001 - pytest passes by name
    run(connect, examples=5 if is_slow else 60)


@pytest.mark.long
def test_jobs_are_as_their_model_in_2000_runs(
    connect: OpenRecords,
    is_slow: bool,  # noqa: FBT001 - pytest passes by name
    capfd: pytest.CaptureFixture[str],
) -> None:
    account = long_runs.Account("state machine of jobs", long_runs.seed(), capfd)
    examples = long_runs.amount("RUNS", usual=200 if is_slow else 2000)
    run(connect, examples=examples, from_seed=account.seed)
    account.figures |= {"store": "dynamo" if is_slow else "sqlite", "runs": examples}
    account.tell()


def run(connect: OpenRecords, *, examples: int, from_seed: int | None = None) -> None:
    class Connected(JobMachine):
        connected: ClassVar[list[JobRecords]] = [connect(), connect()]

    run_state_machine_as_test(
        Connected if from_seed is None else seed(from_seed)(Connected),
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
