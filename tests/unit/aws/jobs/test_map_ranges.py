"""An attempt that waits for ranges: what it asks Step Functions for, and what comes of faults."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from penstock.aws.jobs.map_ranges import MapRanges
from penstock.errors import BusyError, JobCancelledError, PermanentError, RecoverableError
from penstock.exports.job_folder import JobFolder
from penstock.local.jobs.outputs import FileOutputs
from penstock.model.artifact import Artifact
from penstock.ports import Outputs, RangeRead, RangesRequest

COUNT = 7
AT_ONCE = 3
MACHINE = "arn:aws:states:eu-west-2:123456789012:stateMachine:ranges"
WANTED = RangesRequest(
    tenant="acme",
    job_id="01JD3B6Z8Y5V9TQ0RXK2N4M7PC",
    folder="exports/01JD3B6Z8Y5V9TQ0RXK2N4M7PC",
    fencing_token=5,
    ranges=[{"sql": f"SELECT {number}"} for number in range(COUNT)],
)


@dataclass
class States:
    """A client of Step Functions whose executions do nothing, and stop when they are told to."""

    status: str = "RUNNING"
    begun: list[dict[str, Any]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)

    def start_execution(self, **asked: Any) -> dict[str, Any]:
        self.begun.append(asked)
        return {"executionArn": "arn:execution"}

    def describe_execution(self, **_asked: Any) -> dict[str, Any]:
        return {"status": self.status}

    def stop_execution(self, **asked: Any) -> dict[str, Any]:
        self.stopped.append(asked["executionArn"])
        return {}


@dataclass
class Unreadable:
    """A store that can't be read for some looks."""

    inner: FileOutputs
    misses: int

    def __post_init__(self) -> None:
        self.write, self.create = self.inner.write, self.inner.create
        self.remove, self.link = self.inner.remove, self.inner.link

    def read(self, tenant: str, path: str, *, max_bytes: int) -> bytes | None:
        if self.misses:
            self.misses -= 1
            raise BusyError("Busy.", retry_after_seconds=5)
        return self.inner.read(tenant, path, max_bytes=max_bytes)


@pytest.fixture
def outputs(tmp_path: Path) -> FileOutputs:
    return FileOutputs(tmp_path)


def part_of(number: int) -> Artifact:
    return Artifact(part=f"part-{number}.parquet", rows=10, bytes=number, sha256="")


def answer(outputs: FileOutputs, number: int, said: dict[str, Any] | None = None) -> None:
    place = JobFolder(outputs=outputs, tenant="acme", folder=WANTED.folder, token=5)
    parts = {"parts": [asdict(part_of(number))]}
    place.write(place.answer(number), [json.dumps(said or parts).encode()])


def readers(
    states: States, outputs: Outputs, waited: Callable[[float], None] = lambda _: None
) -> MapRanges:
    return MapRanges(
        client=states,
        machine=MACHINE,
        outputs=outputs,
        at_once=AT_ONCE,
        status_seconds=3 if states.status == "RUNNING" else 0,
        wait=waited,
    )


def test_one_execution_is_asked_for_by_names_and_numbers(outputs: FileOutputs) -> None:
    states = States()
    for number in range(COUNT):
        answer(outputs, number)
    told: list[tuple[int, int]] = []
    found = readers(states, outputs).read(
        WANTED, cancelled=lambda: False, told=lambda *said: told.append(said)
    )
    assert found == [RangeRead(files=(part_of(number),)) for number in range(COUNT)]
    (begun,) = states.begun
    assert (begun["stateMachineArn"], begun["name"]) == (MACHINE, f"{WANTED.job_id}-5")
    assert json.loads(begun["input"]) == {
        "tenant": "acme",
        "job_id": WANTED.job_id,
        "token": 5,
        "numbers": list(range(COUNT)),
        "at_once": AT_ONCE,
    }
    assert states.stopped == []
    listed = outputs.read("acme", f"{WANTED.folder}/ranges-000005.json", max_bytes=10_000)
    assert listed is not None
    assert json.loads(listed) == WANTED.ranges
    # Looked for as they are begun; rows and bytes never go back.
    assert [rows for rows, _ in told] == [30, 60, 70]
    assert told == sorted(told)


def test_the_answer_of_a_range_that_failed_ends_the_others(outputs: FileOutputs) -> None:
    states = States()
    fault = {"is_permanent": True, "detail": "No such column.", "facts": {"column": "n"}}
    answer(outputs, 1, {"fault": fault})
    with pytest.raises(PermanentError, match="No such column") as raised:
        readers(states, outputs).read(WANTED, cancelled=lambda: False, told=lambda *_: None)
    assert raised.value.facts == {"column": "n"}
    assert states.stopped == ["arn:execution"]


def test_whoever_is_cancelled_stops_the_execution(outputs: FileOutputs) -> None:
    states = States()
    looks = iter((False, False, True))
    with pytest.raises(JobCancelledError):
        readers(states, outputs).read(WANTED, cancelled=lambda: next(looks), told=lambda *_: None)
    assert states.stopped == ["arn:execution"]


def test_what_is_raised_where_progress_is_told_stops_the_execution(outputs: FileOutputs) -> None:
    def told(_rows: int, _bytes: int) -> None:
        raise ZeroDivisionError

    states = States()
    with pytest.raises(ZeroDivisionError):
        readers(states, outputs).read(WANTED, cancelled=lambda: False, told=told)
    assert states.stopped == ["arn:execution"]


@pytest.mark.parametrize("misses", [3, 9])
def test_a_store_that_is_out_of_reach_for_a_moment_is_looked_into_again(
    outputs: FileOutputs, misses: int
) -> None:
    for number in range(COUNT):
        answer(outputs, number)
    found = readers(States(), Unreadable(outputs, misses)).read(
        WANTED, cancelled=lambda: False, told=lambda *_: None
    )
    assert len(found) == COUNT


def test_a_store_that_stays_out_of_reach_ends_the_attempt(outputs: FileOutputs) -> None:
    states = States()
    waits: list[float] = []
    with pytest.raises(BusyError):
        readers(states, Unreadable(outputs, 1000), waits.append).read(
            WANTED, cancelled=lambda: False, told=lambda *_: None
        )
    assert states.stopped == ["arn:execution"]
    assert sum(waits) < 10


def test_answers_count_that_came_before_the_end_of_an_execution(outputs: FileOutputs) -> None:
    """The last ranges may have answered between a look at the answers and one at the execution."""
    for number in range(COUNT):
        answer(outputs, number)
    states = States(status="SUCCEEDED")
    found = readers(states, outputs).read(WANTED, cancelled=lambda: False, told=lambda *_: None)
    assert len(found) == COUNT


def test_an_execution_that_cannot_be_begun_is_an_attempt_that_can_be_repeated(
    outputs: FileOutputs,
) -> None:
    class Refusing(States):
        def start_execution(self, **_asked: Any) -> dict[str, Any]:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "StartExecution")

    with pytest.raises(BusyError):
        readers(Refusing(), outputs).read(WANTED, cancelled=lambda: False, told=lambda *_: None)


def test_an_execution_that_ended_without_all_answers_is_lost(outputs: FileOutputs) -> None:
    answer(outputs, 0)
    with pytest.raises(RecoverableError, match="could not be read"):
        readers(States(status="FAILED"), outputs).read(
            WANTED, cancelled=lambda: False, told=lambda *_: None
        )
