import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.job_parts import JobHouse, job_house

from penstock.aws.sweep_handler import LATE_SECONDS, Sweeps
from penstock.jobs.rules import JobRules
from penstock.jobs.steps import take_step
from penstock.model.job import Job
from penstock.model.progress import Progress

RULES = JobRules()
EACH_SECONDS = 60


@dataclass
class World:
    """A job that is worked on, and the environments that sweep; `real` is what no clock shows."""

    house: JobHouse
    job: Job
    beats_until: float
    """When its worker dies."""
    first_beat: float = 0
    real: float = 0
    clocks_stand: bool = False
    """Whether an environment's own clock stands still while it is not running."""
    environments: dict[int, Sweeps] = field(default_factory=dict)
    beats: int = 0

    def sweep(self, environment: int, *, scheduled: float, late: float) -> int:
        """Sweep in an environment, some time after it was due; gives what was found dead."""
        self.real = scheduled + late
        self._beat()
        return self._of(environment).once(scheduled).stalled

    def _beat(self) -> None:
        now = min(self.real, self.beats_until)
        due = max(0, int((now - self.first_beat) // RULES.heartbeat_seconds) + 1)
        while self.beats < due:
            self.beats += 1
            self.house.ports.store.report(
                self.job.tenant,
                self.job.id,
                Progress(seq=self.job.progress.seq + self.beats, done=self.beats),
                fencing_token=self.job.fencing_token,
                now=self.house.now,
            )

    def _of(self, environment: int) -> Sweeps:
        if environment not in self.environments:
            self.environments[environment] = Sweeps(
                self.house.ports,
                RULES,
                now=lambda: self.house.now,
                monotonic=lambda: 0 if self.clocks_stand else self.real - 1000 * environment,
            )
        return self.environments[environment]


def world_in(house: JobHouse, *, beats_until: float, first_beat: float = 0) -> World:
    """Have a job claimed by a worker that lives until then."""
    waiting = house.submit()
    house.receive()
    claim = partial(Job.claimed, owner="w1", now=house.now)
    job = take_step(house.ports, waiting, claim, now=house.now, event="job.started")
    return World(house=house, job=job, beats_until=beats_until, first_beat=first_beat)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[JobHouse]:
    with job_house(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("environments", [(0, 1), (0, 0)])
def test_a_living_attempt_is_left_when_one_sweep_is_late_and_the_next_is_not(
    house: JobHouse, environments: tuple[int, int]
) -> None:
    world = world_in(house, beats_until=1e9, first_beat=-7)
    first, second = environments
    assert world.sweep(first, scheduled=0, late=54) == 0
    assert world.sweep(second, scheduled=60, late=0.5) == 0
    assert house.latest(world.job).state == "RUNNING"


@settings(max_examples=40, deadline=None)
@given(
    late=st.lists(st.floats(0, LATE_SECONDS), min_size=4, max_size=12),
    environments=st.lists(st.integers(0, 2), min_size=12, max_size=12),
    first_beat=st.floats(-10, 0),
    clocks_stand=st.booleans(),
)
def test_a_living_attempt_is_never_found_dead_however_late_sweeps_are(
    late: list[float], environments: list[int], first_beat: float, *, clocks_stand: bool
) -> None:
    with tempfile.TemporaryDirectory() as home, job_house(Path(home)) as house:
        world = world_in(house, beats_until=1e9, first_beat=first_beat)
        world.clocks_stand = clocks_stand
        sweeps = [(number * EACH_SECONDS, by) for number, by in enumerate(late)]
        in_order = sorted(zip(sweeps, environments, strict=False), key=lambda each: sum(each[0]))
        for (scheduled, by), environment in in_order:
            assert world.sweep(environment, scheduled=scheduled, late=by) == 0


def found_after(world: World, late: float, environment: Callable[[int], int]) -> float:
    """Sweep each minute until the attempt is found dead; give the seconds since its end."""
    for number in count():
        scheduled = number * EACH_SECONDS
        if world.sweep(environment(number), scheduled=scheduled, late=late):
            return world.real - world.beats_until
        assert scheduled < 3600
    raise AssertionError


@pytest.mark.parametrize("died", [0.5, 30, 59.5, 60.5])
@pytest.mark.parametrize("late", [0, 0.3, 20, 59])
def test_a_dead_worker_is_found_within_its_lease_and_two_minutes(
    house: JobHouse, died: float, late: float
) -> None:
    world = world_in(house, beats_until=died)
    assert found_after(world, late, lambda _: 0) <= RULES.lease_seconds + 2 * EACH_SECONDS


@pytest.mark.parametrize("died", [0.5, 30, 59.5])
@pytest.mark.parametrize("late", [0, 59, LATE_SECONDS])
@pytest.mark.parametrize("clocks_stand", [False, True])
def test_a_dead_worker_is_found_though_no_environment_sweeps_twice_or_its_clock_stands(
    house: JobHouse, died: float, late: float, *, clocks_stand: bool
) -> None:
    world = world_in(house, beats_until=died)
    world.clocks_stand = clocks_stand
    bound = RULES.lease_seconds + LATE_SECONDS + 2 * EACH_SECONDS + late
    assert found_after(world, late, lambda number: 0 if clocks_stand else number) <= bound


def test_a_job_that_nobody_began_is_sent_again_once_that_is_due(house: JobHouse) -> None:
    job = house.submit()
    sweeps = Sweeps(house.ports, RULES, now=lambda: house.now, monotonic=lambda: 0)
    first, last = 0, RULES.start_seconds + LATE_SECONDS
    assert [sweeps.once(at).dispatched for at in (first, last - 1, last)] == [0, 0, 1]
    assert house.latest(job).dispatches == 2
