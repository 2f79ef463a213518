import threading
from collections.abc import Container, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from tests.job_parts import JobHouse, job_house

from penstock.errors import (
    AlreadyDoneError,
    BusyError,
    JobCancelledError,
    PermanentError,
    RecoverableError,
    SetupError,
    StaleJobError,
    UnknownJobError,
)
from penstock.jobs.cancel import cancel, discard
from penstock.jobs.redrive import redrive
from penstock.jobs.run import run
from penstock.jobs.worker import Work
from penstock.local.jobs.outputs import FileOutputs
from penstock.model.artifact import Artifact
from penstock.model.attempt import Attempt
from penstock.model.job import Job
from penstock.model.message import message_of

ARTIFACT = Artifact(part="part-000001-00000.parquet", rows=3, bytes=4, sha256="00" * 32)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[JobHouse]:
    with job_house(tmp_path) as opened:
        yield opened


def _writes(house: JobHouse) -> Work:
    def work(attempt: Attempt) -> tuple[Artifact, ...]:
        job = attempt.job
        attempt.progress(3, total=3, phase="reading")
        house.ports.outputs.write(job.tenant, f"{job.folder}/{ARTIFACT.part}", [b"rows"])
        attempt.finalize()
        house.ports.outputs.create(job.tenant, f"{job.folder}/manifest.json", b"{}")
        return (ARTIFACT,)

    return work


def _raises(*errors: Exception) -> Work:
    left = list(errors)

    def work(attempt: Attempt) -> tuple[Artifact, ...]:
        attempt.progress(0)
        if left:
            raise left.pop(0)
        return (ARTIFACT,)

    return work


def test_a_job_goes_from_its_submission_to_its_result(house: JobHouse) -> None:
    job = house.submit()
    assert job.state == "QUEUED"

    ran = house.run_next(house.worker(_writes(house)))

    assert ran is not None
    assert ran.outcome == "succeeded"
    ended = house.latest(job)
    assert ended.state == "SUCCEEDED"
    assert ended.artifacts == (ARTIFACT,)
    assert ended.high_water == 3
    assert ended.expires_at == house.now + timedelta(days=7)
    assert house.listener.names(job) == ["job.accepted", "job.started", "job.succeeded"]
    assert house.files(job) == ["manifest.json", ARTIFACT.part]
    assert house.receive() is None
    told = house.ports.events.after(job.tenant, job.id, 0)
    assert [event.seq for event in told] == sorted({event.seq for event in told})


def test_a_message_that_comes_again_only_repeats_the_last_event(house: JobHouse) -> None:
    job = house.submit()
    worker = house.worker(_writes(house))
    house.run_next(worker)

    again = run(worker, message_of(job))

    assert again.outcome == "repeated"
    assert house.latest(job).attempt == 1
    assert house.listener.names(job)[-2:] == ["job.succeeded", "job.succeeded"]


def test_a_message_of_a_job_that_somebody_works_on_changes_nothing(house: JobHouse) -> None:
    job = house.submit()
    second = []

    def work(attempt: Attempt) -> tuple[Artifact, ...]:
        second.append(run(house.worker(_raises(), owner="w2"), message_of(job)))
        return (ARTIFACT,)

    house.run_next(house.worker(work))

    assert [ran.outcome for ran in second] == ["repeated"]
    assert house.latest(job).attempt == 1


def test_a_recoverable_fault_is_tried_again_after_a_wait(house: JobHouse) -> None:
    job = house.submit()
    worker = house.worker(_raises(RecoverableError("The database is gone.")))

    assert house.run_next(worker).outcome == "retried"  # type: ignore[union-attr] # a message came
    waiting = house.latest(job)
    assert waiting.state == "QUEUED"
    assert waiting.error is not None
    assert waiting.error.retryable
    assert house.receive() is None

    house.pass_time(4)
    assert house.run_next(worker).outcome == "succeeded"  # type: ignore[union-attr] # the same
    assert house.latest(job).error is None


def test_the_last_attempt_that_fails_is_a_dead_letter(house: JobHouse) -> None:
    job = house.submit()
    worker = house.worker(_raises(*(RecoverableError("The database is gone.") for _ in range(3))))

    for _ in range(3):
        house.run_next(worker)
        house.pass_time(100)

    assert house.latest(job).state == "FAILED"
    assert house.latest(job).attempt == 3
    [letter] = house.ports.letters.list(limit=10)
    assert letter.message == message_of(job)
    assert letter.reason == "recoverable: The database is gone."
    assert house.listener.names(job)[-1] == "job.failed"


def test_a_permanent_fault_is_a_dead_letter_at_once(house: JobHouse) -> None:
    job = house.submit()

    house.run_next(house.worker(_raises(PermanentError("There is no such table."))))

    failed = house.latest(job)
    assert (failed.state, failed.attempt) == ("FAILED", 1)
    assert failed.error is not None
    assert failed.error.message == "There is no such table."
    assert len(house.ports.letters.list(limit=10)) == 1


def test_of_a_fault_that_nobody_foresaw_nothing_is_told(house: JobHouse) -> None:
    job = house.submit()

    ran = house.run_next(house.worker(_raises(ValueError("a value of somebody's"))))

    assert ran is not None
    assert isinstance(ran.fault, ValueError)
    fault = house.latest(job).error
    assert fault is not None
    assert fault.kind == "unforeseen"
    assert "somebody" not in fault.message


def test_what_was_done_already_is_a_success(house: JobHouse) -> None:
    job = house.submit()

    house.run_next(house.worker(_raises(AlreadyDoneError())))

    assert house.latest(job).state == "SUCCEEDED"


def test_a_dead_letter_can_be_redriven_with_all_attempts(house: JobHouse) -> None:
    job = house.submit()
    house.run_next(house.worker(_raises(PermanentError("There is no such table."))))
    [letter] = house.ports.letters.list(limit=10)

    again = redrive(house.ports, letter, now=house.now)

    assert again.state == "QUEUED"
    assert house.ports.letters.list(limit=10) == []
    assert house.run_next(house.worker(_writes(house))).outcome == "succeeded"  # type: ignore[union-attr] # a message came
    with pytest.raises(SetupError):
        redrive(house.ports, letter, now=house.now)
    assert house.latest(job).state == "SUCCEEDED"


def test_a_redriven_job_has_all_its_attempts_again(house: JobHouse) -> None:
    job = house.submit()
    faults = [RecoverableError("Gone.") for _ in range(5)]
    worker = house.worker(_raises(*faults))
    for _ in range(3):
        house.run_next(worker)
        house.pass_time(100)
    [letter] = house.ports.letters.list(limit=10)

    redrive(house.ports, letter, now=house.now)
    for _ in range(3):
        house.run_next(worker)
        house.pass_time(100)

    assert house.latest(job).state == "SUCCEEDED"


def test_a_job_that_waits_is_cancelled_at_once(house: JobHouse) -> None:
    job = house.submit()

    ended = cancel(house.ports, job, now=house.now)

    assert ended.state == "CANCELLED"
    assert house.listener.names(job)[-2:] == ["job.cancelling", "job.cancelled"]
    assert house.run_next(house.worker(_writes(house))).outcome == "repeated"  # type: ignore[union-attr] # a message came
    assert house.files(job) == []
    assert cancel(house.ports, ended, now=house.now) == ended


@pytest.mark.parametrize("phase", ["reading", "finalizing", "manifest"])
def test_a_cancel_at_any_phase_leaves_nothing(house: JobHouse, phase: str) -> None:
    job = house.submit()

    def asked(at: str) -> None:
        if at == phase:
            assert cancel(house.ports, house.latest(job), now=house.now).state == "CANCELLING"

    def work(attempt: Attempt) -> tuple[Artifact, ...]:
        outputs = house.ports.outputs
        outputs.write(job.tenant, f"{job.folder}/{ARTIFACT.part}", [b"rows"])
        asked("reading")
        attempt.finalize()
        asked("finalizing")
        outputs.create(job.tenant, f"{job.folder}/manifest.json", b"{}")
        asked("manifest")
        return (ARTIFACT,)

    ran = house.run_next(house.worker(work))

    assert ran is not None
    assert ran.outcome == "cancelled"
    assert house.latest(job).state == "CANCELLED"
    assert house.latest(job).artifacts == ()
    assert house.files(job) == []
    assert house.listener.names(job)[-1] == "job.cancelled"


def test_work_is_told_of_a_cancel_by_its_progress(house: JobHouse) -> None:
    job = house.submit()
    told = threading.Event()

    def work(attempt: Attempt) -> tuple[Artifact, ...]:
        cancel(house.ports, house.latest(job), now=house.now)
        for done in range(100, 10_000_000, 100):
            if told.wait(0.001):
                break
            try:
                attempt.progress(done)
            except JobCancelledError:
                told.set()
                raise
        return ()

    assert house.run_next(house.worker(work)).outcome == "cancelled"  # type: ignore[union-attr] # a message came
    assert told.is_set()
    numbers = [event.seq for event in house.listener.heard if event.job_id == job.id]
    assert len(numbers) == len(set(numbers))


def test_a_deleted_job_ends_its_worker_and_leaves_no_file(house: JobHouse) -> None:
    job = house.submit()

    def work(attempt: Attempt) -> tuple[Artifact, ...]:
        discard(house.ports, house.latest(job), now=house.now)
        house.ports.outputs.write(job.tenant, f"{job.folder}/{ARTIFACT.part}", [b"rows"])
        attempt.finalize()
        return (ARTIFACT,)

    ran = house.run_next(house.worker(work))

    assert ran is not None
    assert ran.outcome == "superseded"
    assert house.files(job) == []
    with pytest.raises(UnknownJobError):
        house.latest(job)
    assert house.ports.events.after(job.tenant, job.id, 0) == []


def test_two_workers_on_one_lease_give_one_result(house: JobHouse) -> None:
    job = house.submit()
    outcomes = []

    def slow(attempt: Attempt) -> tuple[Artifact, ...]:
        # While this worker shows no life, a sweep gives the job to another one.
        house.sweep()
        assert house.sweep(after=60).stalled == 1
        outcomes.append(house.run_next(house.worker(_writes(house), owner="w2")))
        with pytest.raises(StaleJobError):
            attempt.finalize()
        return _writes(house)(attempt)

    outcomes.append(house.run_next(house.worker(slow)))

    assert [ran.outcome for ran in outcomes if ran] == ["succeeded", "superseded"]
    ended = house.latest(job)
    assert (ended.state, ended.attempt) == ("SUCCEEDED", 2)
    assert house.listener.names(job) == [
        "job.accepted",
        "job.started",
        "job.stalled",
        "job.started",
        "job.succeeded",
    ]


def test_a_worker_that_is_stopped_hands_its_job_back_without_an_attempt(house: JobHouse) -> None:
    job = house.submit()
    stopping = threading.Event()

    def work(attempt: Attempt) -> tuple[Artifact, ...]:
        stopping.set()
        attempt.progress(1)
        return ()

    for _ in range(5):
        stopping.clear()
        ran = house.run_next(house.worker(work, is_stopping=stopping.is_set))
        assert ran is not None
        assert ran.outcome == "returned"

    assert house.run_next(house.worker(_writes(house))).outcome == "succeeded"  # type: ignore[union-attr] # a message came
    assert house.latest(job).attempt == 1


def test_a_listener_that_fails_or_hangs_neither_loses_events_nor_slows_work(
    house: JobHouse,
) -> None:
    house.listener.fault = BusyError("Nobody listens.", retry_after_seconds=1)
    job = house.submit()
    house.run_next(house.worker(_writes(house)))
    assert house.listener.heard == []

    house.listener.fault = None
    assert house.sweep().published == 3

    assert house.listener.names(job) == ["job.accepted", "job.started", "job.succeeded"]
    assert house.sweep().published == 0


def test_a_progress_sink_that_hangs_holds_no_work_up(house: JobHouse) -> None:
    job = house.submit()
    hangs = threading.Event()

    def work(attempt: Attempt) -> tuple[Artifact, ...]:
        house.listener.hangs = hangs
        for done in range(0, 1_000_000, 100):
            attempt.progress(done)
        house.listener.hangs = None
        return (ARTIFACT,)

    try:
        assert house.run_next(house.worker(work)).outcome == "succeeded"  # type: ignore[union-attr] # a message came
    finally:
        hangs.set()
    assert house.latest(job).high_water == 999_900


def test_a_late_report_changes_nothing(house: JobHouse) -> None:
    job = house.submit()
    house.run_next(house.worker(_writes(house)))
    ended = house.latest(job)

    late = replace(ended.progress, seq=ended.progress.seq + 5, done=1)
    same = house.ports.store.report(
        job.tenant, job.id, late, fencing_token=ended.fencing_token, now=house.now
    )

    assert same == ended
    assert house.latest(job) == ended


def test_progress_reaches_the_row_and_the_listener_and_never_goes_back(house: JobHouse) -> None:
    job = house.submit()
    seen: list[Job] = []

    def work(attempt: Attempt) -> tuple[Artifact, ...]:
        for step in range(1, 40):
            attempt.progress(step * 100, total=4000, phase="reading")
            threading.Event().wait(0.005)
            seen.append(house.latest(job))
        return (ARTIFACT,)

    house.run_next(house.worker(work))

    assert len({each.progress.done for each in seen}) > 2
    marks = [each.high_water for each in seen]
    assert marks == sorted(marks)
    told = [event for event in house.listener.heard if event.name == "job.progress"]
    assert [event.seq for event in told] == sorted({event.seq for event in told})
    assert house.latest(job).progress.total == 4000


def test_a_job_whose_queue_lost_it_is_found_by_a_sweep(house: JobHouse) -> None:
    job = house.submit()
    received = house.receive()
    assert received is not None
    house.queue.done(received)

    assert house.sweep().dispatched == 0
    assert house.sweep(after=179).dispatched == 0
    assert house.sweep(after=1).dispatched == 1
    assert house.run_next(house.worker(_writes(house))).outcome == "succeeded"  # type: ignore[union-attr] # a message came
    assert house.latest(job).state == "SUCCEEDED"


def test_dispatches_come_at_doubled_distances(house: JobHouse) -> None:
    house.submit()
    house.sweep()

    times = [0] * 3000
    for step in range(3000):
        times[step] = house.sweep(after=10).dispatched

    places = [step for step, dispatched in enumerate(times) if dispatched]
    gaps = [after - before for before, after in pairwise(places)]
    assert gaps[:4] == [37, 73, 145, 289]


def test_a_clock_that_jumps_takes_no_lease_away(house: JobHouse) -> None:
    job = house.submit()
    sweeps = []

    def work(attempt: Attempt) -> tuple[Artifact, ...]:
        house.sweep()
        # Another machine's clock, one hour ahead, and one hour behind.
        house.seconds += 3600
        sweeps.append(house.sweep(observer="ahead").stalled)
        house.seconds -= 7200
        sweeps.append(house.sweep(observer="behind").stalled)
        sweeps.append(house.sweep(observer="here").stalled)
        return (ARTIFACT,)

    assert house.run_next(house.worker(work)).outcome == "succeeded"  # type: ignore[union-attr] # a message came
    assert sweeps == [0, 0, 0]
    assert house.latest(job).attempt == 1


def test_a_worker_that_dies_each_time_ends_in_a_dead_letter(house: JobHouse) -> None:
    job = house.submit()
    for owner in ("w1", "w2", "w3"):
        received = house.receive()
        assert received is not None
        house.queue.done(received)
        waiting = house.latest(job)
        claimed = waiting.claimed(owner=owner, now=house.now)
        house.ports.store.advance(
            claimed, was_version=waiting.version, fencing_token=waiting.fencing_token
        )
        house.sweep()
        house.sweep(after=60)

    assert house.latest(job).state == "FAILED"
    assert len(house.ports.letters.list(limit=10)) == 1


def test_a_cancelled_job_whose_worker_never_ends_is_ended_by_force(house: JobHouse) -> None:
    job = house.submit()

    def work(attempt: Attempt) -> tuple[Artifact, ...]:
        cancel(house.ports, house.latest(job), now=house.now)
        house.sweep()
        assert house.sweep(after=179).cancelled == 0
        assert house.sweep(after=1).cancelled == 1
        return (ARTIFACT,)

    assert house.run_next(house.worker(work)).outcome == "superseded"  # type: ignore[union-attr] # a message came
    assert house.latest(job).state == "CANCELLED"


def test_files_go_after_a_week_and_rows_after_ninety_days(house: JobHouse) -> None:
    job = house.submit()
    house.run_next(house.worker(_writes(house)))

    assert house.sweep(after=7 * 86_400 - 1).expired == 0
    assert house.sweep(after=1).expired == 1
    assert house.latest(job).state == "EXPIRED"
    assert house.files(job) == []
    assert house.listener.names(job)[-1] == "job.expired"
    assert house.sweep(after=83 * 86_400).forgotten == 0
    assert house.sweep(after=1).forgotten == 1
    with pytest.raises(UnknownJobError):
        house.latest(job)


class _OutOfReach(FileOutputs):
    """Files of which one job's are out of reach."""

    folder = ""

    def remove(self, tenant: str, folder: str, *, keep: Container[str] = ()) -> None:
        if folder == self.folder:
            raise BusyError("The store is out of reach.", retry_after_seconds=1)
        super().remove(tenant, folder, keep=keep)


def test_a_job_whose_files_are_out_of_reach_holds_no_other_up(house: JobHouse) -> None:
    outputs = _OutOfReach(house.store_root)
    house.ports = replace(house.ports, outputs=outputs)
    jobs = [house.submit(params={"year": year}) for year in (2024, 2025, 2026)]
    for _ in jobs:
        house.run_next(house.worker(_writes(house)))
    outputs.folder = jobs[0].folder

    with pytest.raises(BusyError):
        house.sweep(after=7 * 86_400)

    assert [house.latest(job).state for job in jobs] == ["SUCCEEDED", "EXPIRED", "EXPIRED"]
    assert house.ports.events.unpublished(limit=1) == []
    outputs.folder = ""
    assert house.sweep().expired == 1


def test_what_is_submitted_twice_under_one_key_is_one_job(house: JobHouse) -> None:
    first = house.submit(idempotency_key="k1")
    again = house.submit(idempotency_key="k1")

    assert again.id == first.id
    assert house.run_next(house.worker(_writes(house))) is not None
    assert house.receive() is None
