"""Ranges, each read by an invocation of a function, which a state machine starts."""

import json
import time
from collections.abc import Callable
from typing import Any

from penstock.aws.services.record_failures import as_busy
from penstock.errors import BusyError, JobCancelledError, RecoverableError
from penstock.exports.job_folder import JobFolder
from penstock.exports.range_answers import range_read
from penstock.ports import Outputs, RangeRead, RangesRequest

_MAX_ANSWER_BYTES = 1 << 20
_LOOK_SECONDS = 0.5
_RUNNING = "RUNNING"
_MISSES = 10
"""Looks in vain, one after the other, before the reading counts as lost."""


class MapRanges:
    """An execution of a state machine of Step Functions, a Distributed Map over the ranges.

    What there is to read stands in a file of the job's folder, and so does each answer: nothing of
    an export passes through Step Functions but its tenant's name, its job's id and numbers, and no
    limit of its inputs and outputs counts. An execution is named after its attempt, so that asking
    twice for one begins one. Its state is a hint, the answers decide.
    """

    def __init__(
        self,
        *,
        client: Any,
        machine: str,
        outputs: Outputs,
        at_once: int,
        status_seconds: float = 3,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._machine = machine
        self._outputs = outputs
        self.at_once = at_once
        self._status_seconds = status_seconds
        self._wait = wait

    def read(
        self,
        wanted: RangesRequest,
        *,
        cancelled: Callable[[], bool],
        told: Callable[[int, int], None],
    ) -> list[RangeRead]:
        place = JobFolder(
            outputs=self._outputs,
            tenant=wanted.tenant,
            folder=wanted.folder,
            token=wanted.fencing_token,
        )
        place.write(place.ranges(), [json.dumps(list(wanted.ranges)).encode()])
        execution = self._started(wanted)
        is_read = False
        try:
            found = self._await_answers(
                place, execution, len(wanted.ranges), cancelled=cancelled, told=told
            )
            is_read = True
        finally:
            if not is_read:
                self._stop(execution)
        return [found[number] for number in range(len(wanted.ranges))]

    def _await_answers(
        self,
        place: JobFolder,
        execution: str,
        count: int,
        *,
        cancelled: Callable[[], bool],
        told: Callable[[int, int], None],
    ) -> dict[int, RangeRead]:
        found: dict[int, RangeRead] = {}
        is_running, looked_at, misses = True, time.monotonic(), 0
        while True:
            if cancelled():
                raise JobCancelledError
            try:
                if time.monotonic() - looked_at >= self._status_seconds:
                    is_running, looked_at = self._is_running(execution), time.monotonic()
                # They are begun in about their order: a look at all of them would be dear.
                missing = [number for number in range(count) if number not in found]
                for number in missing[: self.at_once if is_running else count]:
                    read = self._answer(place, number)
                    if read is not None:
                        found[number] = read
                misses = 0
            except BusyError:
                misses += 1
                if misses == _MISSES:
                    raise
            else:
                told(*_sizes(found))
                if len(found) == count:
                    return found
                if not is_running:
                    raise RecoverableError("A part of this export could not be read.")
            self._wait(_LOOK_SECONDS)

    def _answer(self, place: JobFolder, number: int) -> RangeRead | None:
        path = f"{place.folder}/{place.answer(number)}"
        said = self._outputs.read(place.tenant, path, max_bytes=_MAX_ANSWER_BYTES)
        return None if said is None else range_read(json.loads(said))

    def _started(self, wanted: RangesRequest) -> str:
        asked = {
            "tenant": wanted.tenant,
            "job_id": wanted.job_id,
            "token": wanted.fencing_token,
            "numbers": list(range(len(wanted.ranges))),
            "at_once": self.at_once,
        }
        with as_busy():
            begun = self._client.start_execution(
                stateMachineArn=self._machine,
                name=f"{wanted.job_id}-{wanted.fencing_token}",
                input=json.dumps(asked),
            )
        return str(begun["executionArn"])

    def _is_running(self, execution: str) -> bool:
        with as_busy():
            found = self._client.describe_execution(executionArn=execution)
        return bool(found["status"] == _RUNNING)

    def _stop(self, execution: str) -> None:
        """End an execution; where that fails, its readers find out from the job's row."""
        try:
            with as_busy():
                self._client.stop_execution(executionArn=execution)
        except BusyError:
            return


def _sizes(found: dict[int, RangeRead]) -> tuple[int, int]:
    files = [file for one in found.values() for file in one.files]
    return sum(file.rows for file in files), sum(file.bytes for file in files)
