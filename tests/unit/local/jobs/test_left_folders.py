"""What is written after a job was removed goes, and nothing else does."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.job_parts import JobHouse, job_house

from penstock.jobs.cancel import discard
from penstock.local.jobs.database import JobDatabase
from penstock.local.jobs.left_folders import LeftFolders
from penstock.model.artifact import Artifact
from penstock.model.attempt import Attempt
from penstock.model.job import Job
from penstock.model.job_id import new_job_id

DAY = 86_400.0


class KilledError(BaseException):
    """Ends an attempt as SIGKILL does: nothing of it runs on."""


@contextmanager
def left(house: JobHouse, home: Path, *, later: float) -> Iterator[LeftFolders]:
    with closing(JobDatabase(home / "jobs.sqlite")) as database:
        yield LeftFolders(
            house.store_root, database, house.ports.outputs, now=lambda: time.time() + later
        )


def written(house: JobHouse, job: Job) -> None:
    house.ports.outputs.write(job.tenant, f"{job.folder}/part-000001-00001.parquet", [b"rows"])


def test_what_an_attempt_wrote_after_its_job_was_removed_goes_after_a_day(tmp_path: Path) -> None:
    with job_house(tmp_path) as house:
        job = house.submit()

        def work(_: Attempt) -> tuple[Artifact, ...]:
            discard(house.ports, house.latest(job), now=house.now)
            written(house, job)
            raise KilledError

        with pytest.raises(KilledError):
            house.run_next(house.worker(work))
        assert house.files(job)
        with left(house, tmp_path, later=DAY - 3600) as folders:
            assert folders.remove_some() == 0
        assert house.files(job)
        with left(house, tmp_path, later=DAY + 3600) as folders:
            assert folders.remove_some() == 1
            assert not (house.store_root / job.tenant / job.folder).exists()
            assert folders.remove_some() == 0


def test_a_folder_of_a_job_that_has_a_row_stays_however_old_it_is(tmp_path: Path) -> None:
    with job_house(tmp_path) as house:
        job = house.submit()
        written(house, job)
        with left(house, tmp_path, later=1000 * DAY) as folders:
            assert folders.remove_some() == 0
        assert house.files(job)


def test_what_is_not_called_like_a_job_or_a_tenant_stays(tmp_path: Path) -> None:
    with job_house(tmp_path) as house:
        linked = tmp_path / "elsewhere"
        linked.mkdir()
        for place in (
            "acme/exports/monthly",
            "acme/orders",
            f"Not A Tenant/exports/{new_job_id()}",
        ):
            (house.store_root / place).mkdir(parents=True)
        (house.store_root / "acme" / "exports" / new_job_id()).symlink_to(linked)
        before = sorted(house.store_root.rglob("*"))
        with left(house, tmp_path, later=1000 * DAY) as folders:
            assert folders.remove_some() == 0
        assert sorted(house.store_root.rglob("*")) == before


def test_many_folders_are_looked_at_some_at_a_time(tmp_path: Path) -> None:
    with job_house(tmp_path) as house:
        for _ in range(450):
            (house.store_root / "acme" / "exports" / new_job_id()).mkdir(parents=True)
        with left(house, tmp_path, later=2 * DAY) as folders:
            assert [folders.remove_some() for _ in range(4)] == [200, 200, 50, 0]
