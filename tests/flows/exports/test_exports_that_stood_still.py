"""Exports whose worker stands still before its manifest, for longer than its job."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pytest
from tests.export_parts import TENANT, ExportHouse, export_house

from penstock.errors import UnknownDatasetError
from penstock.exports.resources import ExportResources
from penstock.jobs.redrive import redrive
from penstock.jobs.rules import JobRules
from penstock.jobs.sweep import SweepCounts, Sweeper, release
from penstock.model.job import Job
from penstock.ports import Outputs

ROWS = 1000


@pytest.fixture
def house(tmp_path: Path) -> Iterator[ExportHouse]:
    with export_house(tmp_path) as opened:
        opened.put("things", pa.table({"n": list(range(ROWS))}))
        yield opened


@dataclass
class StandingStill:
    """Outputs before whose manifest something happens, once."""

    inner: Outputs
    happens: Callable[[], object]
    is_over: bool = False

    def __post_init__(self) -> None:
        self.write, self.read = self.inner.write, self.inner.read
        self.remove, self.link = self.inner.remove, self.inner.link

    def create(self, tenant: str, path: str, content: bytes) -> bool:
        if path.endswith("/manifest.json") and not self.is_over:
            self.is_over = True
            self.happens()
        return self.inner.create(tenant, path, content)


def standing_still(house: ExportHouse, happens: Callable[[], object]) -> ExportResources:
    return replace(house.sources, outputs=StandingStill(house.sources.outputs, happens))


def count_as_dead(house: ExportHouse, job: Job, *, attempts: int) -> None:
    """Have a sweep take the attempt for dead, which may have been the last."""
    jobs = house.jobs
    sweeper = Sweeper(
        ports=jobs.ports,
        rules=JobRules(attempts=attempts),
        observer="here",
        seconds=lambda: jobs.seconds,
        now=lambda: jobs.now,
    )
    release(sweeper, jobs.latest(job), swept=SweepCounts())


def test_a_job_that_has_failed_meanwhile_shows_no_result(house: ExportHouse) -> None:
    job = house.submit("dataset-slice", {"dataset": "things"})
    ran = house.run(sources=standing_still(house, lambda: count_as_dead(house, job, attempts=1)))
    assert ran.outcome == "superseded"
    assert house.jobs.latest(job).state == "FAILED"
    assert house.jobs.files(job) == []
    with pytest.raises(UnknownDatasetError):
        house.sources.exported.export(TENANT, job.id)


def test_a_redriven_job_takes_no_manifest_over_nothing_for_its_result(house: ExportHouse) -> None:
    job = house.submit("dataset-slice", {"dataset": "things"}, formats=["csv"])
    house.run(sources=standing_still(house, lambda: count_as_dead(house, job, attempts=1)))
    (letter,) = house.jobs.ports.letters.list(limit=2)
    made = house.exported("dataset-slice", {"dataset": "things"})
    redrive(house.jobs.ports, letter, now=house.jobs.now)
    # Whoever stood still stores its manifest after that: over files that are gone.
    content = house.path(made, "manifest.json").read_bytes()
    content = content.replace(made.id.encode(), job.id.encode())
    assert house.sources.outputs.create(TENANT, f"{job.folder}/manifest.json", content)
    ran = house.run()
    assert ran.outcome == "succeeded", ran.fault
    done = house.jobs.latest(job)
    assert house.table(done).column("n").to_pylist() == list(range(ROWS))
    assert house.sources.exported.export(TENANT, job.id).rows == ROWS
    assert len(house.jobs.files(job)) == len(done.artifacts) + 1


def test_an_attempt_that_was_overtaken_leaves_the_files_of_the_one_that_did(
    house: ExportHouse,
) -> None:
    job = house.submit("dataset-slice", {"dataset": "things"})
    outputs = house.sources.outputs

    def overtake() -> None:
        count_as_dead(house, job, attempts=3)
        claimed = house.jobs.latest(job).claimed(owner="w2", now=house.jobs.now)
        house.jobs.ports.store.advance(
            claimed, was_version=claimed.version - 1, fencing_token=claimed.fencing_token - 1
        )
        # It is at work on this.
        outputs.write(TENANT, f"{job.folder}/part-000003-00000.parquet", [b"half"])

    ran = house.run(sources=standing_still(house, overtake))
    assert ran.outcome == "superseded"
    assert "part-000003-00000.parquet" in house.jobs.files(job)
