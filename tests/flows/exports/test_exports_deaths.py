"""Workers that die between any two steps, and attempts that are overtaken: one result each."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tests.export_parts import ExportHouse, export_house
from tests.stepped_outputs import Before, Stepped, once

from penstock.exports.limits import ExportLimits
from penstock.jobs.run import RunOutcome
from penstock.model.job import Job

ROWS = 210_000
PARTS = ExportLimits(part_rows=100_000)
LAPSE = 100
"""Seconds after which a lease has lapsed."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[ExportHouse]:
    with export_house(tmp_path) as opened:
        ones = pa.repeat(pa.scalar(1, pa.int64()), ROWS)
        opened.put("things", pa.table({"n": pc.cumulative_sum(ones)}))
        yield opened


class DeathError(BaseException):
    """The end of a process, as far as it can be had within one."""


@dataclass
class Dying:
    """Dies before the step of this number, and takes no further one."""

    at: int
    steps: list[str] = field(default_factory=list)

    def __call__(self, step: str, path: str) -> None:
        self.steps.append(f"{step} {path.rpartition('/')[2]}")
        if len(self.steps) > self.at:
            raise DeathError(self.steps[-1])


def run_with(house: ExportHouse, before: Before) -> RunOutcome:
    outputs = Stepped(house.sources.outputs, before)
    return house.run(sources=replace(house.sources, outputs=outputs), limits=PARTS)


def lapse(house: ExportHouse) -> None:
    """Let the lease of whoever works lapse, as a sweeper sees it.

    A report that was on its way when it was held up is a sign of life, and the last one.
    """
    for _ in range(20):
        if house.jobs.sweep(after=LAPSE).stalled:
            return
    pytest.fail("the lease never lapsed")


def assert_whole(house: ExportHouse, job: Job, *, formats: tuple[str, ...] = ("csv",)) -> Job:
    job = house.jobs.latest(job)
    assert job.state == "SUCCEEDED"
    assert house.table(job)["n"].to_pylist() == list(range(1, ROWS + 1))
    assert house.jobs.files(job) == sorted(["manifest.json", *(a.part for a in job.artifacts)])
    assert [a.rows for a in job.artifacts] == [100_000, 100_000, 10_000, *[ROWS] * len(formats)]
    for one in job.artifacts:
        content = house.path(job, one.part).read_bytes()
        assert one.sha256 == hashlib.sha256(content).hexdigest()
    return job


def test_a_worker_that_dies_at_any_step_is_followed_by_one_that_ends_the_job(
    house: ExportHouse,
) -> None:
    steps: list[str] = []
    for at in range(100):
        job = house.submit("dataset-slice", {"dataset": "things"}, formats=["csv"])
        dying = Dying(at)
        try:
            ran = run_with(house, dying)
        except DeathError:
            lapse(house)
            assert house.run(limits=PARTS).outcome == "succeeded", dying.steps
            assert_whole(house, job)
            continue
        assert ran.outcome == "succeeded"
        assert_whole(house, job)
        steps = dying.steps
        break
    assert [step.split(" part")[0].split(" file")[0] for step in steps] == [
        "read manifest.json",
        *["write", "half written", "written"] * 3,
        *["write", "half written", "written"],
        "create manifest.json",
        "created manifest.json",
        f"remove {job.id}",
        f"removed {job.id}",
    ]


@pytest.mark.parametrize(
    ("step", "name"),
    [
        ("read", "manifest.json"),
        ("write", "00001.parquet"),
        ("half written", "00002.parquet"),
        ("write", ".csv"),
        ("create", "manifest.json"),
        ("created", "manifest.json"),
        ("remove", ""),
    ],
)
def test_an_attempt_that_is_overtaken_changes_nothing(
    house: ExportHouse, step: str, name: str
) -> None:
    job = house.submit("dataset-slice", {"dataset": "things"}, formats=["csv"])
    later: list[str] = []

    def overtake() -> None:
        lapse(house)
        later.append(house.run(limits=PARTS).outcome)

    ran = run_with(house, once(step, name, overtake))
    assert (ran.outcome, later) == ("superseded", ["succeeded"])
    assert_whole(house, job)


MEANS = "_select=n,avg(n) as mean&_group=n"
"""Is read from its beginning by each attempt."""


@pytest.mark.parametrize(
    ("query", "formats", "held_at"),
    [
        ("", (), "00002.parquet"),
        ("", ("csv",), ".csv"),
        (MEANS, (), "00000.parquet"),
        (MEANS, (), "00002.parquet"),
    ],
)
def test_a_result_that_an_overtaken_attempt_publishes_is_the_result(
    house: ExportHouse, query: str, formats: tuple[str, ...], held_at: str
) -> None:
    """The first one is held up before its manifest, and goes on while the second one writes."""
    params = {"dataset": "things", "query": query}
    job = house.submit("dataset-slice", params, formats=formats)
    is_held, may_go_on = threading.Event(), threading.Event()
    outcomes: list[str] = []

    def hold() -> None:
        is_held.set()
        assert may_go_on.wait(60)

    def work() -> None:
        outcomes.append(run_with(house, once("create", "manifest.json", hold)).outcome)

    def let_go() -> None:
        may_go_on.set()
        first.join(60)

    first = threading.Thread(target=work)
    first.start()
    assert is_held.wait(60)
    lapse(house)
    ran = run_with(house, once("half written", held_at, let_go))
    while ran.outcome == "retried":
        ran = house.run(limits=PARTS)
    assert outcomes == ["superseded"]
    assert ran.outcome == "succeeded"
    job = assert_whole(house, job, formats=formats)
    assert {a.part.split("-")[1][:6] for a in job.artifacts} == {"000001"}
