"""A disk that is full before any step of an export: the job ends visibly, and goes on with room."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tests.export_parts import ExportHouse, export_house
from tests.small_disk import Disk, small_disk
from tests.stepped_outputs import Stepped

from penstock.errors import BusyError
from penstock.exports.limits import ExportLimits
from penstock.exports.work import export
from penstock.jobs.cancel import discard
from penstock.jobs.redrive import redrive
from penstock.model.job import Job

ROWS = 210_000
MIB = 1 << 20
MOST_STEPS = 60
MOST_ROUNDS = 8
LONG = f"n__in={','.join(map(str, range(100_000, 100_800)))}"
"""A query that takes its room in the records."""

HIDDEN_SECONDS = 1000
"""After this, a message that nobody said was done comes again."""


@dataclass
class Full:
    """Fills a disk before the step of this number."""

    number: int
    fill: Callable[[], None]
    steps: list[str] = field(default_factory=list)

    def __call__(self, step: str, path: str) -> None:
        self.steps.append(f"{step} {path.rpartition('/')[2]}")
        if len(self.steps) == self.number + 1:
            self.fill()


@pytest.fixture(params=["files", "records", "both"])
def what(request: pytest.FixtureRequest) -> str:
    """What stands on the disk that gets full."""
    return str(request.param)


@pytest.fixture
def disk(what: str, tmp_path: Path) -> Iterator[Disk]:
    """A small disk, mounted where those stand; `home` is above it."""
    home = tmp_path / "home"
    with ExitStack() as stack:
        if what == "files":
            yield stack.enter_context(small_disk(home / "store", size_bytes=16 * MIB))
            return
        full = stack.enter_context(small_disk(home, size_bytes=24 * MIB))
        if what == "records":
            stack.enter_context(small_disk(home / "store", size_bytes=64 * MIB))
        yield full


@pytest.fixture
def house(disk: Disk, tmp_path: Path) -> Iterator[ExportHouse]:
    with export_house(tmp_path / "home") as opened:
        ones = pa.repeat(pa.scalar(1, pa.int64()), ROWS)
        opened.put("things", pa.table({"n": pc.cumulative_sum(ones)}))
        try:
            yield opened
        finally:
            # Whatever closes may write.
            disk.free()


def work(house: ExportHouse, before: Callable[[str, str], None] | None = None) -> list[str]:
    """Work until nothing is due, or the records can't be written; tell what came of it."""
    sources = replace(house.sources, limits=ExportLimits(part_rows=100_000))
    if before is not None:
        sources = replace(sources, outputs=Stepped(sources.outputs, before))
    worker = house.jobs.worker(partial(export, sources))
    outcomes: list[str] = []
    try:
        while (ran := house.jobs.run_next(worker)) is not None:
            outcomes.append(ran.outcome)
    except BusyError:
        outcomes.append("busy")
    return outcomes


def ended(house: ExportHouse, job: Job) -> Job:
    """Let time pass, and everybody look again, until a job is over."""
    for _ in range(MOST_ROUNDS):
        latest = house.jobs.latest(job)
        if latest.is_over:
            return latest
        house.jobs.sweep()
        house.jobs.sweep(after=HIDDEN_SECONDS)
        work(house)
    pytest.fail(f"it never ended: {latest}")


def assert_whole(house: ExportHouse, job: Job) -> None:
    assert job.state == "SUCCEEDED"
    assert house.table(job)["n"].to_pylist() == list(range(1, ROWS + 1))
    assert house.jobs.files(job) == sorted(["manifest.json", *(a.part for a in job.artifacts)])
    told = house.jobs.ports.events.after(job.tenant, job.id, 0)
    assert [event.name for event in told].count("job.succeeded") == 1


def test_a_disk_that_is_full_before_any_step_loses_no_job(
    house: ExportHouse, disk: Disk, what: str
) -> None:
    steps, states = [], set()
    for number in range(MOST_STEPS):
        job = house.submit("dataset-slice", {"dataset": "things"}, formats=["csv"])
        full = Full(number, disk.fill)
        work(house, full)
        disk.free()
        if len(full.steps) <= number:
            assert_whole(house, house.jobs.latest(job))
            break
        steps.append(full.steps[number])
        over = ended(house, job)
        states.add(over.state)
        if over.state == "FAILED":
            assert over.error is not None
            assert "no room" in over.error.message
            assert house.jobs.files(over) == []
            [letter] = house.jobs.ports.letters.list(limit=2)
            redrive(house.jobs.ports, letter, now=house.jobs.now)
            over = ended(house, job)
        assert_whole(house, over)
        assert house.jobs.ports.letters.list(limit=1) == []
        # The disk is small: what is done with makes room.
        discard(house.jobs.ports, over, now=house.jobs.now)
    words = {step.split()[0] for step in steps}
    assert {"read", "write", "half", "written", "create", "created", "remove"} <= words, steps
    if disk.is_own:
        # What has no room for files fails for good, and says so; records are waited for.
        assert ("FAILED" in states) == (what != "records")


def submit_many(house: ExportHouse) -> None:
    """Submit until the room that is left in the records is used up."""
    for _ in range(1000):
        house.submit("dataset-slice", {"dataset": "things", "query": LONG})


def test_with_no_room_for_records_no_job_is_taken_and_later_it_is(
    house: ExportHouse, disk: Disk, what: str
) -> None:
    if what == "files":
        job = house.submit("dataset-slice", {"dataset": "things"})
        assert_whole(house, ended(house, job))
        return
    disk.fill()
    with pytest.raises(BusyError):
        submit_many(house)
    disk.free()
    assert_whole(house, ended(house, house.submit("dataset-slice", {"dataset": "things"})))
