"""Jobs over a store whose answers are lost: what was stored decides, and results stay."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.job_parts import START, JobHouse, job_house

from penstock.errors import (
    BusyError,
    JobStateError,
    RecoverableError,
    StaleJobError,
    WorkerStoppingError,
)
from penstock.jobs.cancel import cancel, end_cancelled
from penstock.jobs.publish import empty_outbox
from penstock.jobs.steps import take_step
from penstock.jobs.worker import Work
from penstock.model.artifact import Artifact
from penstock.model.attempt import Attempt
from penstock.model.event import JobEvent
from penstock.model.job import Job
from penstock.model.job_state import JobState
from penstock.model.progress import Progress
from penstock.ports import JobFilter, JobStore

PART = Artifact(part="part-000001-00000.parquet", rows=3, bytes=4, sha256="00" * 32)
FILES = ["manifest.json", PART.part]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[JobHouse]:
    with job_house(tmp_path) as opened:
        yield opened


@dataclass
class Forgetful:
    """Stores each step into a state, but loses the answers: that of the step, and of looks then."""

    inner: JobStore
    state: JobState
    looks: int = 0
    reports: Progress | None = None
    left: int = field(default=0)
    is_lost: bool = field(default=False)

    def add(self, job: Job, event: JobEvent) -> Job:
        return self.inner.add(job, event)

    def list(
        self, tenant: str, wanted: JobFilter, *, limit: int, before: str | None = None
    ) -> list[Job]:
        return self.inner.list(tenant, wanted, limit=limit, before=before)

    def get(self, tenant: str, job_id: str) -> Job:
        if self.left:
            self.left -= 1
            raise BusyError("Out of reach.", retry_after_seconds=5)
        return self.inner.get(tenant, job_id)

    def advance(
        self, job: Job, *, was_version: int, fencing_token: int, event: JobEvent | None = None
    ) -> None:
        self.inner.advance(job, was_version=was_version, fencing_token=fencing_token, event=event)
        if job.state == self.state and not self.is_lost:
            self.is_lost, self.left = True, self.looks
            if self.reports is not None:
                said = replace(self.reports, seq=job.progress.seq + 1)
                self.report(job.tenant, job.id, said, fencing_token=job.fencing_token, now=START)
            raise BusyError("The answer was lost.", retry_after_seconds=5)

    def report(
        self, tenant: str, job_id: str, progress: Progress, *, fencing_token: int, now: datetime
    ) -> Job:
        return self.inner.report(tenant, job_id, progress, fencing_token=fencing_token, now=now)


def finishing(house: JobHouse) -> Work:
    """Make work that stores a part and a manifest."""

    def work(attempt: Attempt) -> tuple[Artifact, ...]:
        job = attempt.job
        house.ports.outputs.write(job.tenant, f"{job.folder}/{PART.part}", [b"rows"])
        attempt.finalize()
        house.ports.outputs.create(job.tenant, f"{job.folder}/manifest.json", b"{}")
        return (PART,)

    return work


@pytest.mark.parametrize("looks", [0, 1, 19, 20, 40])
def test_a_success_whose_answer_is_lost_keeps_its_files(house: JobHouse, looks: int) -> None:
    job = house.submit()
    house.ports = replace(house.ports, store=Forgetful(house.ports.store, "SUCCEEDED", looks=looks))
    house.run_next(house.worker(finishing(house)))
    for _ in range(3):
        house.sweep(after=200)
    assert house.latest(job).state == "SUCCEEDED"
    assert house.files(job) == FILES
    assert house.listener.names(job).count("job.succeeded") >= 1


def test_a_success_that_nobody_foresaw_could_not_be_told_keeps_its_files(house: JobHouse) -> None:
    job = house.submit()

    class Broken:
        def publish(self, event: JobEvent) -> None:
            if event.name == "job.succeeded":
                raise ZeroDivisionError

    house.ports = replace(house.ports, publisher=Broken())
    ran = house.run_next(house.worker(finishing(house)))
    assert ran is not None
    assert ran.outcome == "succeeded"
    assert isinstance(ran.fault, ZeroDivisionError)
    assert house.latest(job).state == "SUCCEEDED"
    assert house.files(job) == FILES


def test_a_step_is_known_again_though_progress_was_reported_since(house: JobHouse) -> None:
    job = house.submit()
    house.ports = replace(
        house.ports, store=Forgetful(house.ports.store, "FINALIZING", reports=Progress(done=3))
    )
    ran = house.run_next(house.worker(finishing(house)))
    assert ran is not None
    assert ran.outcome == "succeeded"
    assert house.latest(job).state == "SUCCEEDED"
    assert house.files(job) == FILES


def test_a_step_is_taken_once_though_its_answer_is_lost(house: JobHouse) -> None:
    job = house.submit()
    house.ports = replace(house.ports, store=Forgetful(house.ports.store, "CANCELLING"))
    cancel(house.ports, job, now=house.now)
    told = [event.name for event in house.ports.events.after(job.tenant, job.id, 0)]
    assert told == ["job.accepted", "job.cancelling", "job.cancelled"]


def test_another_s_step_is_not_taken_for_one_s_own(house: JobHouse) -> None:
    claimed = take_step(
        house.ports, house.submit(), lambda job: job.claimed(owner="w", now=START), now=START
    )
    take_step(house.ports, claimed, Job.stalling, now=START)
    with pytest.raises(StaleJobError):
        take_step(house.ports, claimed, Job.finalizing, now=START)


@pytest.mark.parametrize("state", ["QUEUED", "SUCCEEDED"])
def test_nothing_is_removed_of_a_job_that_nobody_cancelled(house: JobHouse, state: str) -> None:
    job = house.submit()
    if state == "SUCCEEDED":
        house.run_next(house.worker(finishing(house)))
    else:
        house.ports.outputs.write(job.tenant, f"{job.folder}/{PART.part}", [b"rows"])
    before = house.files(job)
    with pytest.raises(JobStateError):
        end_cancelled(house.ports, house.latest(job), now=house.now)
    assert house.latest(job).state == state
    assert house.files(job) == before


def test_an_attempt_that_finished_one_more_file_is_not_too_long(house: JobHouse) -> None:
    job = house.submit()

    def work(attempt: Attempt) -> tuple[Artifact, ...]:
        files = (*attempt.job.artifacts, replace(PART, part=f"file-{attempt.job.fencing_token}"))
        attempt.checkpoint({"rows": 3, "is_read": True}, files)
        raise WorkerStoppingError

    for count in range(1, 6):
        ran = house.run_next(replace(house.worker(work), had_whole_time=lambda _: True))
        assert ran is not None
        assert ran.outcome == "returned"
        assert len(house.latest(job).artifacts) == count
    assert house.latest(job).attempt == 0


@pytest.mark.parametrize(("is_whole", "outcome"), [(True, "retried"), (False, "returned")])
def test_an_attempt_counts_as_too_long_only_where_it_had_all_the_time(
    house: JobHouse, *, is_whole: bool, outcome: str
) -> None:
    job = house.submit()

    def work(_: Attempt) -> tuple[Artifact, ...]:
        raise WorkerStoppingError

    ran = house.run_next(replace(house.worker(work), had_whole_time=lambda _: is_whole))
    assert ran is not None
    assert ran.outcome == outcome
    error = house.latest(job).error
    assert (None if error is None else error.code) == ("too-long" if is_whole else None)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [(RecoverableError("A process ended."), "returned"), (ZeroDivisionError(), "retried")],
)
def test_what_fails_because_its_worker_ends_is_handed_back(
    house: JobHouse, fault: Exception, outcome: str
) -> None:
    job, stopping = house.submit(), list[bool]()

    def work(_: Attempt) -> tuple[Artifact, ...]:
        stopping.append(True)
        raise fault

    ran = house.run_next(house.worker(work, is_stopping=lambda: bool(stopping)))
    assert ran is not None
    assert ran.outcome == outcome
    assert ran.fault is fault
    assert house.latest(job).attempt == (0 if outcome == "returned" else 1)


def test_an_event_that_cannot_be_told_holds_no_other_up(house: JobHouse) -> None:
    jobs = [house.submit(params={"n": n}) for n in range(130)]
    broken = {job.id for job in jobs[:110]}

    class Choosy:
        def __init__(self) -> None:
            self.heard = list[str]()

        def publish(self, event: JobEvent) -> None:
            if event.job_id in broken and event.name == "job.cancelled":
                raise ZeroDivisionError
            self.heard.append(event.name)

    listener = Choosy()
    house.listener.fault = BusyError("Nobody listens.", retry_after_seconds=5)
    for job in jobs:
        cancel(house.ports, job, now=house.now)
    house.ports = replace(house.ports, publisher=listener)
    with pytest.raises(ZeroDivisionError):
        empty_outbox(house.ports)
    assert listener.heard.count("job.cancelled") == 20
    assert len(house.ports.events.unpublished(limit=1000)) == 110


def test_an_old_job_that_is_redriven_while_a_sweep_looks_is_not_removed(house: JobHouse) -> None:
    job = house.submit()

    def work(_: Attempt) -> tuple[Artifact, ...]:
        raise ZeroDivisionError

    for _ in range(3):
        house.run_next(house.worker(work))
        house.pass_time(100)
    assert house.latest(job).state == "FAILED"
    house.pass_time(timedelta(days=91).total_seconds())
    upkeep = house.ports.upkeep

    class Slow:
        unfinished, observe, remove = upkeep.unfinished, upkeep.observe, upkeep.remove

        def outdated(self, *, now: datetime, rows_before: datetime) -> Iterator[Job]:
            found = list(upkeep.outdated(now=now, rows_before=rows_before))
            take_step(house.ports, house.latest(job), Job.redriven, now=now)
            yield from found

    house.ports = replace(house.ports, upkeep=Slow())
    assert house.sweep().forgotten == 0
    assert house.latest(job).state == "QUEUED"
