"""Whoever reads a range, when its job goes on without it: what is answered, and what stays."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.job_parts import JobHouse, job_house

from penstock.aws.jobs.range_reading import RangeOrder, RangeReading
from penstock.errors import BusyError, NoDatabaseError
from penstock.exports.job_folder import JobFolder
from penstock.exports.limits import ExportLimits
from penstock.exports.postgres import TableQuery
from penstock.exports.ranges import TableRange
from penstock.jobs.cancel import cancel, end_cancelled
from penstock.model.artifact import Artifact
from penstock.model.job import Job
from penstock.ports import Databases, JobStore, Outputs

RANGE = TableRange(number=0, snapshot="0-0-1", query=TableQuery(sql="SELECT 1"))
SECONDS = 60.0


class _None:
    """Databases of which no tenant has one: a range of it has failed at once."""

    def connection_string(self, tenant: str) -> str:  # noqa: ARG002 - the port's
        raise NoDatabaseError


@dataclass
class Looks:
    """A store of jobs where something happens before a look at a job, counted from 1."""

    inner: JobStore
    at: int
    happens: Callable[[], None]
    looks: int = field(default=0)

    def __post_init__(self) -> None:
        self.add, self.list = self.inner.add, self.inner.list
        self.advance, self.report = self.inner.advance, self.inner.report

    def get(self, tenant: str, job_id: str) -> Job:
        self.looks += 1
        if self.looks == self.at:
            self.happens()
        return self.inner.get(tenant, job_id)


@dataclass
class House:
    """A job whose attempt has its ranges read."""

    jobs: JobHouse
    job: Job

    def read(
        self,
        *,
        at: int = 0,
        happens: Callable[[], None] = lambda: None,
        outputs: Outputs | None = None,
        databases: Databases | None = None,
        token: int | None = None,
    ) -> str:
        """Read the range; something happens before a look at the job."""
        reading = RangeReading(
            store=Looks(self.jobs.ports.store, at, happens),
            outputs=outputs or self.jobs.ports.outputs,
            databases=databases or _None(),
            limits=ExportLimits(),
        )
        order = RangeOrder(
            tenant=self.job.tenant,
            job_id=self.job.id,
            token=self.job.fencing_token if token is None else token,
            number=0,
        )
        outcome, _ = reading.one(order, ends_at=time.monotonic() + SECONDS)
        return outcome

    def cancel(self) -> None:
        cancel(self.jobs.ports, self.jobs.latest(self.job), now=self.jobs.now)

    def end(self) -> None:
        """Cancel the job, and end it as its attempt does."""
        self.cancel()
        end_cancelled(self.jobs.ports, self.jobs.latest(self.job), now=self.jobs.now)

    def succeed(self) -> None:
        """End the job well, with a result that others have made."""
        worked = self.jobs.latest(self.job).finalizing()
        artifact = Artifact(part="part-000001-00000.parquet", rows=1, bytes=1, sha256="")
        ended = worked.succeeded((artifact,), now=self.jobs.now, expires_at=self.jobs.now)
        for job in (worked, ended):
            self.jobs.ports.store.advance(
                job, was_version=job.version - 1, fencing_token=job.fencing_token
            )

    def files(self) -> list[str]:
        return self.jobs.files(self.job)


LIST, ANSWER = "ranges-000001.json", "range-000001-00000.json"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with job_house(tmp_path) as jobs:
        submitted = jobs.submit()
        job = submitted.claimed(owner="w", now=jobs.now)
        jobs.ports.store.advance(
            job, was_version=submitted.version, fencing_token=submitted.fencing_token
        )
        place = JobFolder.of(jobs.ports.outputs, job)
        place.write(place.ranges(), [json.dumps([RANGE.described()]).encode()])
        yield House(jobs, job)


def test_what_a_range_fails_with_is_answered(house: House) -> None:
    assert house.read() == "failed"
    assert house.files() == [ANSWER, LIST]


def test_the_first_answer_counts(house: House) -> None:
    place = JobFolder.of(house.jobs.ports.outputs, house.job)
    place.write(ANSWER, [b"the first one"])
    house.read()
    said = house.jobs.ports.outputs.read("acme", f"{house.job.folder}/{ANSWER}", max_bytes=99)
    assert said == b"the first one"


@pytest.mark.parametrize("token", [0, 2])
def test_a_range_of_another_attempt_is_left(house: House, token: int) -> None:
    assert house.read(token=token) == "left"
    assert house.files() == [LIST]


def test_a_range_of_no_job_is_left(house: House) -> None:
    house.jobs.ports.upkeep.remove(house.job.tenant, house.job.id)
    assert house.read() == "left"


@pytest.mark.parametrize("at", [1, 2])
def test_a_range_of_a_job_that_is_cancelled_is_left_without_an_answer(
    house: House, at: int
) -> None:
    assert house.read(at=at, happens=house.cancel) == "left"
    assert house.files() == [LIST]


@pytest.mark.parametrize("how", [House.cancel, House.end, House.succeed])
def test_an_answer_that_came_too_late_is_removed(
    house: House, how: Callable[[House], None]
) -> None:
    assert house.read(at=3, happens=lambda: how(house)) == "left"
    assert ANSWER not in house.files()


def test_jobs_that_cannot_be_looked_at_stop_a_range(house: House) -> None:
    def fail() -> None:
        raise BusyError("Busy.", retry_after_seconds=5)

    for at in (1, 2):
        with pytest.raises(BusyError):
            house.read(at=at, happens=fail)
        assert house.files() == [LIST]
    # Its answer is stored by then.
    assert house.read(at=3, happens=fail) == "failed"
    assert house.files() == [ANSWER, LIST]


def test_what_nobody_foresaw_is_raised(house: House) -> None:
    class Broken:
        def connection_string(self, tenant: str) -> str:  # noqa: ARG002 - the port's
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        house.read(databases=Broken())
    assert house.files() == [LIST]
