"""One row that can't be read holds no other up."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.job_parts import job_house

from penstock.errors import BusyError
from penstock.model.job import Job
from penstock.model.job_id import logged_id
from penstock.ports import JobFilter

JOB = "UPDATE job SET body = json_set(body, '$.size', 'huge') WHERE id = ?"
EVENT = "UPDATE job_event SET body = json_set(body, '$.name', 'job.later') WHERE job_id = ?"


def damage(home: Path, job: Job, how: str = JOB) -> None:
    with closing(sqlite3.connect(home / "jobs.sqlite")) as connection, connection:
        assert connection.execute(how, (job.id,)).rowcount == 1


@pytest.mark.parametrize("wanted", [JobFilter(), JobFilter(user="ada", kind="export")])
def test_a_list_passes_over_a_job_that_can_not_be_read(
    tmp_path: Path, wanted: JobFilter, caplog: pytest.LogCaptureFixture
) -> None:
    with job_house(tmp_path) as house:
        jobs = [house.submit() for _ in range(5)]
        damage(tmp_path, jobs[1])
        damage(tmp_path, jobs[3])
        readable = [jobs[4].id, jobs[2].id, jobs[0].id]
        store = house.ports.store
        assert [job.id for job in store.list("acme", wanted, limit=9)] == readable
        # A page is full while there are further ones, or it would be taken for the last.
        assert [job.id for job in store.list("acme", wanted, limit=2)] == readable[:2]
        rest = store.list("acme", wanted, limit=2, before=readable[1])
        assert [job.id for job in rest] == readable[2:]
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert all("can't be read" in line and jobs[0].id not in line for line in told)
    assert any(logged_id(jobs[1].id) in line for line in told)


def test_changes_behind_a_job_that_can_not_be_read_are_given(tmp_path: Path) -> None:
    with job_house(tmp_path) as house:
        jobs = [house.submit() for _ in range(5)]
        for lost in jobs[:4]:
            damage(tmp_path, lost)
        store = house.ports.store
        assert [job.id for _, job in store.changes_after(0, limit=2)] == [jobs[4].id]  # type: ignore[attr-defined] # the embedded store's own


def test_events_that_can_not_be_read_are_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with job_house(tmp_path) as house:
        house.listener.fault = BusyError("not now", retry_after_seconds=5)
        lost, other, third = (house.submit() for _ in range(3))
        damage(tmp_path, lost, EVENT)
        events = house.ports.events
        assert events.after("acme", lost.id, -1) == []
        waiting = events.unpublished(limit=2)
        assert [event.job_id for event in waiting] == [other.id, third.id]
        assert [event.job_id for event in events.unpublished(limit=1)] == [other.id]
        house.listener.fault = None
        assert house.sweep().published == 2
    assert len([record for record in caplog.records if "can't be read" in record.message]) == 1
