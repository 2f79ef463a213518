"""Processes killed at each call of what isn't an attempt that succeeds: nothing is lost by it.

To die after a call is to die before the next one: nothing is stored in between.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from tests.demo_rows import demo_database
from tests.flows.mortals import Mortals, find_dropped, mortals
from tests.postgres_parts import PostgresServer

from penstock.errors import UnknownJobError
from penstock.jobs.cancel import cancel
from penstock.jobs.redrive import redrive
from penstock.jobs.submit import Submission, submit
from penstock.local.datasets.publish import publish
from penstock.local.home_layout import databases_path
from penstock.local.jobs.databases import FileDatabases
from penstock.local.jobs.ports import LocalJobs, local_jobs
from penstock.model.clock import utc_now
from penstock.model.job import SIZES, Job
from penstock.ports import JobFilter

MOST_CALLS = 200


@pytest.fixture
def home(tmp_path: Path) -> Path:
    publish(
        tmp_path / "store",
        tenant="acme",
        dataset="numbers",
        version="v1",
        parts=[pa.table({"n": range(100)})],
        published=datetime(2026, 5, 1, tzinfo=UTC),
    )
    return tmp_path


@pytest.fixture
def jobs(home: Path) -> Iterator[LocalJobs]:
    with local_jobs(home) as opened:
        yield opened


@pytest.fixture(scope="module")
def workers() -> Iterator[Mortals]:
    with mortals("dying_worker") as running:
        yield running


@pytest.fixture(scope="module")
def others() -> Iterator[Mortals]:
    with mortals("dying_steps") as running:
        yield running


def submitted(jobs: LocalJobs, type_name: str = "dataset-slice", **params: object) -> Job:
    given = {"dataset": "numbers", "query": "n__lt=9", **params}
    wanted = Submission(
        tenant="acme",
        user="ada",
        kind="export",
        type=type_name,
        params={**(given if type_name == "dataset-slice" else {}), "formats": []},
        size="medium",
        dataset_version="v1" if type_name == "dataset-slice" else None,
    )
    return submit(jobs.ports, wanted, now=utc_now())


def folder_of(home: Path, job: Job) -> Path:
    return home / "store" / "acme" / job.folder


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def latest(jobs: LocalJobs, job: Job) -> Job:
    return jobs.ports.store.get("acme", job.id)


def assert_done(home: Path, jobs: LocalJobs, job: Job, name: str) -> None:
    done = latest(jobs, job)
    assert done.state == "SUCCEEDED", name
    wanted = sorted(["manifest.json", *(one.part for one in done.artifacts)])
    assert names_in(folder_of(home, job)) == wanted, name
    told = [event.name for event in jobs.ports.events.after("acme", job.id, 0)]
    assert told.count("job.succeeded") == 1, name


@contextmanager
def deaths(least: int) -> Iterator[list[str]]:
    """Collect the calls at which processes died, which are to be at least so many."""
    names: list[str] = []
    yield names
    assert len(names) >= least, names


def test_a_job_that_can_not_be_done_fails_and_leaves_its_letter(
    home: Path, jobs: LocalJobs, workers: Mortals
) -> None:
    with deaths(5) as names:
        for at in range(1, MOST_CALLS):
            job = submitted(jobs, dataset="no-such-dataset")
            how, name = workers.live(home, at=at)
            find_dropped(jobs)
            workers.live(home)
            find_dropped(jobs)
            failed = latest(jobs, job)
            assert failed.state == "FAILED", name
            letters = jobs.ports.letters.list(limit=10)
            assert {one.message.job_id for one in letters if one.message} == {job.id}, name
            assert all(one.reason for one in letters)
            told = [event.name for event in jobs.ports.events.after("acme", job.id, 0)]
            assert told.count("job.failed") == 1, name
            assert jobs.ports.events.unpublished(limit=10) == [], name
            assert names_in(folder_of(home, job)) == [], name
            for letter in letters:
                jobs.ports.letters.take(letter.id)
            if how == "ended":
                break
            names.append(name)
    assert "dispatch.bury" in names


@pytest.mark.long
def test_a_table_is_exported_once_whenever_its_worker_is_killed(
    home: Path, jobs: LocalJobs, workers: Mortals, postgres: PostgresServer
) -> None:
    with demo_database(postgres) as database, deaths(8) as names:
        FileDatabases(databases_path(home)).put("acme", database.connection_string)
        for at in range(1, MOST_CALLS):
            job = submitted(jobs, "customers")
            how, name = workers.live(home, at=at)
            if how == "ended":
                break
            names.append(name)
            find_dropped(jobs)
            assert workers.live(home) == ("ended", "-")
            assert_done(home, jobs, job, name)
            parts = [one for one in latest(jobs, job).artifacts if one.part.startswith("part-")]
            assert sum(one.rows for one in parts) == 2000


def test_who_is_killed_while_submitting_makes_one_job_or_none(
    home: Path, jobs: LocalJobs, workers: Mortals, others: Mortals
) -> None:
    with deaths(3) as names:
        for at in range(1, MOST_CALLS):
            key = f"key-{at}"
            how, name = others.live(home, "submit", key, at=at)
            names.append(name)
            # Whoever asked had no answer, and asks again.
            assert others.live(home, "submit", key) == ("ended", "-")
            of_key = [
                job
                for job in jobs.ports.store.list("acme", JobFilter(), limit=1000)
                if job.idempotency_key == key
            ]
            assert len(of_key) == 1, name
            find_dropped(jobs)
            workers.live(home)
            assert_done(home, jobs, of_key[0], name)
            assert jobs.ports.events.unpublished(limit=10) == [], name
            if how == "ended":
                break


def test_who_is_killed_while_cancelling_leaves_nothing_half_cancelled(
    home: Path, jobs: LocalJobs, workers: Mortals, others: Mortals
) -> None:
    with deaths(4) as names:
        for at in range(1, MOST_CALLS):
            job = submitted(jobs)
            how, name = others.live(home, "cancel", job.id, at=at)
            find_dropped(jobs)
            workers.live(home)
            ended = latest(jobs, job)
            if ended.state == "SUCCEEDED":
                # The request died before it was stored.
                assert ended.cancel_requested_at is None
                assert_done(home, jobs, job, name)
            else:
                assert ended.state == "CANCELLED", name
                assert names_in(folder_of(home, job)) == [], name
            assert jobs.ports.events.unpublished(limit=10) == [], name
            if how == "ended":
                assert ended.state == "CANCELLED"
                break
            names.append(name)


@pytest.mark.parametrize("is_done", [True, False])
def test_who_is_killed_while_removing_a_job_can_do_it_again(
    home: Path, jobs: LocalJobs, workers: Mortals, others: Mortals, *, is_done: bool
) -> None:
    with deaths(2) as names:
        for at in range(1, MOST_CALLS):
            job = submitted(jobs)
            if is_done:
                workers.live(home)
            how, name = others.live(home, "discard", job.id, at=at)
            names.append(name)
            assert others.live(home, "discard", job.id) == ("ended", "-")
            workers.live(home)
            find_dropped(jobs)
            with pytest.raises(UnknownJobError):
                latest(jobs, job)
            assert names_in(folder_of(home, job)) == [], name
            assert jobs.ports.events.after("acme", job.id, 0) == []
            if how == "ended":
                break


def test_who_is_killed_while_redriving_loses_neither_the_job_nor_its_letter(
    home: Path, jobs: LocalJobs, workers: Mortals, others: Mortals
) -> None:
    with deaths(4) as names:
        for at in range(1, MOST_CALLS):
            job = submitted(jobs, dataset=f"later-{at}")
            workers.live(home)
            assert latest(jobs, job).state == "FAILED"
            publish(
                home / "store",
                tenant="acme",
                dataset=f"later-{at}",
                version="v1",
                parts=[pa.table({"n": range(100)})],
                published=datetime(2026, 5, 1, tzinfo=UTC),
            )
            how, name = others.live(home, "redrive", "-", at=at)
            names.append(name)
            if latest(jobs, job).state == "FAILED":
                [letter] = jobs.ports.letters.list(limit=10)
                redrive(jobs.ports, letter, now=utc_now())
            find_dropped(jobs)
            workers.live(home)
            assert_done(home, jobs, job, name)
            for letter in jobs.ports.letters.list(limit=10):
                assert letter.message is not None
                assert letter.message.job_id == job.id
                jobs.ports.letters.take(letter.id)
            if how == "ended":
                break


def test_a_sweep_that_is_killed_is_made_good_by_the_next_one(
    home: Path, jobs: LocalJobs, workers: Mortals, others: Mortals
) -> None:
    with deaths(10) as names:
        for at in range(1, MOST_CALLS):
            waiting, dead, ending, hopeless = (submitted(jobs) for _ in range(4))
            while (received := jobs.queue.receive(SIZES, visible_seconds=900)) is not None:
                jobs.queue.done(received)
            claim(jobs, dead, attempts=1)
            claim(jobs, ending, attempts=1)
            cancel(jobs.ports, latest(jobs, ending), now=utc_now())
            claim(jobs, hopeless, attempts=3)
            how, name = others.live(home, "sweep", "100000", at=at)
            names.append(name)
            assert others.live(home, "sweep", "100000")[0] == "ended"
            workers.live(home)
            for job in (waiting, dead):
                assert_done(home, jobs, job, name)
            assert latest(jobs, ending).state == "CANCELLED", name
            assert latest(jobs, hopeless).state == "FAILED", name
            letters = jobs.ports.letters.list(limit=10)
            assert {one.message.job_id for one in letters if one.message} == {hopeless.id}, name
            assert jobs.ports.events.unpublished(limit=10) == [], name
            for letter in letters:
                jobs.ports.letters.take(letter.id)
            if how == "ended":
                break
    assert "dispatch.bury" in names


def claim(jobs: LocalJobs, job: Job, *, attempts: int) -> None:
    """Have a worker of elsewhere begin so many attempts, and never say a word."""
    for number in range(attempts):
        before = latest(jobs, job)
        step = before.claimed(owner="of elsewhere", now=utc_now())
        jobs.ports.store.advance(
            step, was_version=before.version, fencing_token=before.fencing_token
        )
        if number < attempts - 1:
            stalled = step.stalling()
            jobs.ports.store.advance(
                stalled, was_version=step.version, fencing_token=step.fencing_token
            )


def test_a_sweep_that_is_killed_while_results_expire_leaves_none_of_them(
    home: Path, jobs: LocalJobs, workers: Mortals, others: Mortals
) -> None:
    with deaths(4) as names:
        for at in range(1, MOST_CALLS):
            old = [submitted(jobs) for _ in range(2)]
            workers.live(home)
            how, name = others.live(home, "sweep-later", "-", at=at)
            names.append(name)
            assert others.live(home, "sweep-later", "-")[0] == "ended"
            for job in old:
                assert latest(jobs, job).state == "EXPIRED", name
                assert names_in(folder_of(home, job)) == [], name
                told = [event.name for event in jobs.ports.events.after("acme", job.id, 0)]
                assert told.count("job.expired") == 1, name
            if how == "ended":
                break
