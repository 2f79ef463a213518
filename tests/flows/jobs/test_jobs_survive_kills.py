from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.flows.mortals import Mortals, find_dropped, mortals

from penstock.jobs.submit import Submission, submit
from penstock.local.datasets.publish import publish
from penstock.local.jobs.ports import LocalJobs, local_jobs
from penstock.model.job import Job

ROWS = 5000
MOST_CALLS = 200


@pytest.fixture
def home(tmp_path: Path) -> Path:
    table = pa.table({"n": range(ROWS), "text": [f"row {n}" for n in range(ROWS)]})
    publish(
        tmp_path / "store",
        tenant="acme",
        dataset="numbers",
        version="v1",
        parts=[table],
        published=datetime(2026, 5, 1, tzinfo=UTC),
    )
    return tmp_path


@pytest.fixture(scope="module")
def workers() -> Iterator[Mortals]:
    with mortals("dying_worker") as running:
        yield running


@contextmanager
def _jobs(home: Path) -> Iterator[LocalJobs]:
    with local_jobs(home) as jobs:
        yield jobs


def _submitted(jobs: LocalJobs) -> Job:
    wanted = Submission(
        tenant="acme",
        user="ada",
        kind="export",
        type="dataset-slice",
        params={"dataset": "numbers", "query": "_sort=-n", "formats": ["csv"]},
        size="small",
        dataset_version="v1",
    )
    return submit(jobs.ports, wanted, now=datetime.now(UTC))


def _check_result(home: Path, job: Job) -> None:
    folder = home / "store" / "acme" / job.folder
    stored = sorted(path.name for path in folder.iterdir())
    assert stored == sorted(["manifest.json", *(one.part for one in job.artifacts)])
    parts = [one.part for one in job.artifacts if one.part.startswith("part-")]
    rows = [row for part in parts for row in pq.read_table(folder / part)["n"].to_pylist()]
    assert rows == list(range(ROWS - 1, -1, -1))
    [csv] = [one.part for one in job.artifacts if one.part.startswith("file-")]
    assert (folder / csv).read_text().splitlines()[1:] == [f"{n},row {n}" for n in rows]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_worker_may_be_killed_at_any_call_and_the_job_ends_once(
    home: Path, workers: Mortals, moment: str
) -> None:
    names = []
    with _jobs(home) as jobs:
        for at in range(1, MOST_CALLS):
            job = _submitted(jobs)
            how, name = workers.live(home, at=at, moment=moment)
            if how == "ended":
                assert jobs.ports.store.get(job.tenant, job.id).state == "SUCCEEDED"
                break
            assert how == "killed"
            names.append(name)
            find_dropped(jobs)
            assert workers.live(home) == ("ended", "-")

            ended = jobs.ports.store.get(job.tenant, job.id)
            assert ended.state == "SUCCEEDED", name
            assert ended.attempt <= 2
            _check_result(home, ended)
            told = jobs.ports.events.after(job.tenant, job.id, 0)
            assert [event.name for event in told].count("job.succeeded") == 1
            assert [event.seq for event in told] == sorted({event.seq for event in told})
            assert jobs.ports.letters.list(limit=1) == []
    assert {"store.advance", "outputs.write", "outputs.create"} <= set(names)
