"""Messages that come twice, late, out of turn or never, to workers that die: one result."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from tests import long_runs
from tests.export_parts import ExportHouse, export_house
from tests.stepped_outputs import Stepped

from penstock.errors import PermanentError, RecoverableError
from penstock.exports.work import export
from penstock.jobs.cancel import cancel
from penstock.jobs.redrive import redrive
from penstock.jobs.run import run
from penstock.model.job import Job
from penstock.model.message import message_of

ROWS = 20
DEEPEST = 3
MOST_ROUNDS = 30
HIDDEN_SECONDS = 1000

Op: TypeAlias = tuple[str, int, int, tuple["Op", ...]]
"""What happens: its name, two numbers that it takes, and what happens in its midst."""

INSIDE = ("next", "again", "lapse", "wait", "cancel", "late", "die", "break", "fail")
NAMES = (
    "next",
    "next",
    "next",
    "again",
    "lose",
    "hold",
    "wait",
    "sweep",
    "lapse",
    "cancel",
    "late",
)
"""
next    a worker takes the next message        again  one of any job comes, once more or out of turn
lose    a message is lost                      hold   a worker takes one, and never says a word
wait    time passes                            sweep  somebody looks after all jobs
lapse   so long a time that leases are gone
cancel  a user ends a job                      late   a report of a lease that is gone arrives
die     the worker is killed                   break  its store is out of reach
fail    what it does can't be done
"""


def happenings(deep: int) -> st.SearchStrategy[tuple[Op, ...]]:
    """Draw what happens, and what happens in the midst of it."""
    inner = st.just(()) if deep == 0 else happenings(deep - 1)
    is_outside = deep == DEEPEST
    name = st.sampled_from(NAMES if is_outside else INSIDE)
    one = st.tuples(name, st.integers(0, 2), st.integers(0, 14), inner)
    return st.lists(one, min_size=2 * is_outside, max_size=6 if is_outside else 4).map(tuple)


class DeathError(BaseException):
    """The end of a worker, as far as it can be had within a process."""


@dataclass
class Attempt:
    """What happens to one attempt, at a step of its way to the store; none follows its death."""

    at: int
    act: Callable[[], None]
    steps: list[str] = field(default_factory=list)
    is_dead: bool = False
    is_hindered: bool = False
    """Whether it could not remove what it was to remove."""

    def __call__(self, step: str, path: str) -> None:
        if self.is_dead:
            raise DeathError
        self.steps.append(f"{step} {path}")
        if len(self.steps) == self.at + 1:
            try:
                self.act()
            except DeathError:
                self.is_dead = True
                raise
            except (RecoverableError, PermanentError):
                self.is_hindered = step == "remove"
                raise


@dataclass
class World:
    """A home, its jobs, and what happens to them."""

    house: ExportHouse
    begun: list[Job]
    outcomes: Counter[str]
    """What came of each attempt, in this world and those before."""
    cancelled: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    """Jobs of which files may be left: a worker died, perhaps long after another one had taken its
    job over, or the store failed when files were to be removed."""

    def happen(self, ops: tuple[Op, ...]) -> None:
        """Have things happen one after the other."""
        for name, which, at, inner in ops:
            self._one(name, self.begun[which % len(self.begun)], at, inner)

    def _one(self, name: str, job: Job, at: int, inner: tuple[Op, ...]) -> None:
        jobs = self.house.jobs
        match name:
            case "next":
                received = jobs.receive()
                if received is not None and self._work(received.message.job_id, at, inner):
                    jobs.queue.done(received)
            case "again":
                self._work(job.id, at, inner)
            case "lose" | "hold":
                received = jobs.receive()
                if received is not None and name == "lose":
                    jobs.queue.done(received)
            case "wait":
                jobs.pass_time(20 * at**2)
            case "sweep":
                jobs.sweep(observer=f"of clock {at % 2}")
            case "lapse":
                jobs.sweep()
                jobs.sweep(after=100)
            case "cancel":
                latest = jobs.latest(job)
                if not latest.is_over:
                    self.cancelled.add(job.id)
                    cancel(jobs.ports, latest, now=jobs.now)
            case "late":
                latest = jobs.latest(job)
                said = replace(latest.progress, seq=latest.progress.seq + at, done=at)
                stored = jobs.ports.store.report(
                    job.tenant,
                    job.id,
                    said,
                    fencing_token=latest.fencing_token - 1,
                    now=jobs.now,
                )
                assert stored == latest
            case _:
                raise AssertionError(name)

    def _work(self, job_id: str, at: int, inner: tuple[Op, ...]) -> bool:
        """Work on a job, and have things happen at one of its steps; False if the worker died."""
        ends = [op for op in inner if op[0] in ("die", "break", "fail")]
        others = tuple(op for op in inner if op not in ends)

        def act() -> None:
            self.happen(others)
            match ends:
                case [("die", *_), *_]:
                    raise DeathError
                case [("break", *_), *_]:
                    raise RecoverableError("The store is out of reach.")
                case [("fail", *_), *_]:
                    raise PermanentError("It can't be done.")

        attempt = Attempt(at, act)
        outputs = Stepped(self.house.sources.outputs, attempt)
        sources = replace(self.house.sources, outputs=outputs)
        worker = self.house.jobs.worker(partial(export, sources))
        message = message_of(self.house.jobs.ports.store.get("acme", job_id))
        try:
            self.outcomes[run(worker, message).outcome] += 1
        except DeathError:
            self.outcomes["died"] += 1
            self.left.add(job_id)
            return False
        if attempt.is_hindered:
            self.left.add(job_id)
        return True

    def settle(self) -> None:
        """Have everything quiet again, and wait until each job is over."""
        jobs = self.house.jobs
        worker = jobs.worker(partial(export, self.house.sources))
        for _ in range(MOST_ROUNDS):
            if all(jobs.latest(job).is_over for job in self.begun):
                break
            jobs.sweep()
            jobs.sweep(after=HIDDEN_SECONDS)
            while jobs.run_next(worker) is not None:
                jobs.pass_time(100)
        else:
            pytest.fail(f"not over: {[jobs.latest(job) for job in self.begun]}")
        # What is still on its way arrives.
        for job in self.begun:
            assert run(worker, message_of(job)).outcome == "repeated"

    def check(self) -> None:
        """Look at each job, its events and its files."""
        jobs = self.house.jobs
        buried = [one.message for one in jobs.ports.letters.list(limit=1000)]
        for job in self.begun:
            latest = jobs.latest(job)
            # What is left is in no manifest, and goes with the job's folder.
            files = set(jobs.files(latest))
            told = jobs.ports.events.after(job.tenant, job.id, 0)
            names = [event.name for event in told]
            seqs = [event.seq for event in told]
            assert seqs == sorted(set(seqs))
            ends = [n for n in names if n in ("job.succeeded", "job.failed", "job.cancelled")]
            match latest.state:
                case "SUCCEEDED":
                    assert ends == ["job.succeeded"]
                    assert self.house.table(latest)["n"].to_pylist() == list(range(ROWS))
                    wanted = {"manifest.json", *(one.part for one in latest.artifacts)}
                    assert wanted <= files
                    assert job.id in self.left or files == wanted
                case "CANCELLED":
                    assert job.id in self.cancelled
                    assert ends == ["job.cancelled"]
                    assert "manifest.json" not in files
                    assert job.id in self.left or not files
                case "FAILED":
                    assert ends == ["job.failed"]
                    assert message_of(job) in buried
                case _:
                    pytest.fail(latest.state)

    def redrive(self) -> None:
        """Have each job that failed tried anew, and succeed."""
        jobs = self.house.jobs
        failed = {job.id for job in self.begun if jobs.latest(job).state == "FAILED"}
        for letter in jobs.ports.letters.list(limit=1000):
            if letter.message is not None and letter.message.job_id in failed:
                failed.discard(letter.message.job_id)
                redrive(jobs.ports, letter, now=jobs.now)
        assert failed == set()
        self.settle()
        assert all(jobs.latest(job).state in ("SUCCEEDED", "CANCELLED") for job in self.begun)


def live(house: ExportHouse, ops: tuple[Op, ...], *, count: int, outcomes: Counter[str]) -> None:
    begun = [
        house.submit("dataset-slice", {"dataset": "things"}, formats=["csv"]) for _ in range(count)
    ]
    world = World(house, begun, outcomes)
    world.happen(ops)
    world.settle()
    world.check()
    world.redrive()
    for letter in house.jobs.ports.letters.list(limit=1000):
        house.jobs.ports.letters.take(letter.id)


def run_examples(folder: Path, *, examples: int, from_seed: int) -> Counter[str]:
    """Live so many lives; tell what came of all attempts."""
    outcomes: Counter[str] = Counter()
    with export_house(folder) as house:
        house.put("things", pa.table({"n": range(ROWS)}))

        @seed(from_seed)
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(ops=happenings(DEEPEST), count=st.integers(1, 3))
        def lived(ops: tuple[Op, ...], count: int) -> None:
            live(house, ops, count=count, outcomes=outcomes)

        lived()
    return outcomes


def test_whatever_happens_to_messages_and_workers_each_job_ends_once() -> None:
    with TemporaryDirectory() as folder:
        outcomes = run_examples(Path(folder), examples=25, from_seed=long_runs.seed())
    assert outcomes


@pytest.mark.long
def test_in_2000_lives_each_job_ends_once(capfd: pytest.CaptureFixture[str]) -> None:
    account = long_runs.Account("deliveries in any order", long_runs.seed(), capfd)
    examples = long_runs.amount("RUNS", usual=2000)
    with TemporaryDirectory() as folder:
        outcomes = run_examples(Path(folder), examples=examples, from_seed=account.seed)
    # None of what may come of an attempt was left out.
    assert {"succeeded", "retried", "failed", "cancelled", "repeated", "superseded", "died"} <= set(
        outcomes
    )
    account.figures |= {"lives": examples, "attempts": dict(outcomes)}
    account.tell()
