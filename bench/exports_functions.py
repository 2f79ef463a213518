"""What the API of jobs takes through its function's handler, warm, with stand-ins of what it calls.

The handler runs in a process of its own, and answers events as the edge and API Gateway make them.
"""

import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from tests.flows.function_process import FailedError, FunctionProcess, function
from tests.flows.stack_on_stand_ins import add_key
from tests.function_package import ROOT

import deployed
from counting import Counted, counting
from deployed import Deployed
from exports_results import Asked, Call, FunctionAnswers
from servers import BenchError

_FUNCTION = "ApiFunction"
_HANDLER = "penstock.aws.gateway.api"
_POST = "api-post-export.json"
_STATUS = "api-job-status.json"

_WARM_UP = 5
_COUNTED = 11
"""Calls of which each request is kept; an odd number, so that there is a middle one."""
_DELAY_SECONDS = 0.02
"""Long beside what the machine takes, so that what waits one behind the other can be counted."""


def function_answers(folder: Path, *, calls: int) -> FunctionAnswers:
    """Ask for so many exports, and for the status of each; stand-ins keep their data in `folder`.

    Nobody works on the jobs, and each is deleted, unmeasured: a transaction takes DynamoDB's
    stand-in the longer, the more its table holds. Afterwards again a few times, through a way that
    counts what the handler asks of the stand-ins, and can make each answer later. Raises
    BenchError.
    """
    with deployed.deployed(folder) as stack:
        key = add_key(stack.stack)
        with _handler(stack) as handler:
            asking = _Asking(handler, key)
            for _ in range(_WARM_UP):
                asking.both()
            taken = [asking.both() for _ in range(calls)]
        posts, statuses = zip(*taken, strict=True)
        post, status = _counted(stack, key)
    return FunctionAnswers(
        posts=list(posts), statuses=list(statuses), counted_post=post, counted_status=status
    )


class _Asking:
    """Asks a handler as the holder of a key."""

    def __init__(self, handler: FunctionProcess, key: str) -> None:
        self._handler = handler
        self._key = key

    def both(self) -> tuple[float, float]:
        """Ask for an export, then for its job, and delete that; gives what the two took."""
        seconds, job_id = self.post()
        status = self.status(job_id)
        self.delete(job_id)
        return seconds, status

    def post(self) -> tuple[float, str]:
        """Ask for an export under a key of idempotency that is new; gives the job's id, too."""
        event = self._event(_POST)
        event["headers"]["idempotency-key"] = str(uuid.uuid4())
        seconds, answer = self._answer(event, expected=202)
        return seconds, answer["headers"]["location"].rpartition("/")[2]

    def status(self, job_id: str) -> float:
        """Ask for a job."""
        seconds, _ = self._answer(self._of_job("GET", job_id), expected=200)
        return seconds

    def delete(self, job_id: str) -> None:
        """Have a job and its row removed."""
        self._answer(self._of_job("DELETE", job_id), expected=204)

    def _of_job(self, method: str, job_id: str) -> dict[str, Any]:
        event = self._event(_STATUS)
        event["requestContext"]["http"]["method"] = method
        event["rawPath"] = event["requestContext"]["http"]["path"] = f"/v1/jobs/{job_id}"
        return event

    def _event(self, name: str) -> dict[str, Any]:
        event: dict[str, Any] = json.loads((ROOT / "events" / name).read_text(encoding="utf-8"))
        event["headers"]["x-api-key"] = self._key
        return event

    def _answer(
        self, event: Mapping[str, Any], *, expected: int
    ) -> tuple[float, Mapping[str, Any]]:
        began = time.perf_counter()
        try:
            answer: Mapping[str, Any] = self._handler(event)
        except (FailedError, AssertionError) as error:
            raise BenchError(f"{_HANDLER}: {error}") from error
        seconds = time.perf_counter() - began
        if answer["statusCode"] != expected:
            raise BenchError(f"{_HANDLER}: {answer['statusCode']} {answer['body'][:500]}")
        return seconds, answer


def _counted(stack: Deployed, key: str) -> tuple[Asked, Asked]:
    with (
        counting(stack.stack.s3.endpoint) as s3,
        counting(stack.stack.aws.endpoint) as aws,
        _handler(stack.behind(s3=s3.endpoint, aws=aws.endpoint)) as handler,
    ):
        asking, ways = _Asking(handler, key), (s3, aws)
        for _ in range(_WARM_UP):
            asking.both()
        plain = [_watched(asking, ways) for _ in range(_COUNTED)]
        for way in ways:
            way.delay_seconds = _DELAY_SECONDS
        late = [_watched(asking, ways) for _ in range(_COUNTED)]
    post, status = (
        _middle([each[which] for each in plain], [each[which] for each in late]) for which in (0, 1)
    )
    return post, status


def _watched(asking: _Asking, ways: Sequence[Counted]) -> tuple[Asked, Asked]:
    began = _cleared(ways)
    seconds, job_id = asking.post()
    post = _asked(seconds, began, ways)
    began = _cleared(ways)
    status = _asked(asking.status(job_id), began, ways)
    asking.delete(job_id)
    return post, status


def _cleared(ways: Sequence[Counted]) -> float:
    for way in ways:
        way.requests.clear()
    return time.perf_counter()


def _asked(seconds: float, began: float, ways: Sequence[Counted]) -> Asked:
    requests = sorted((each for way in ways for each in way.requests), key=lambda each: each.came)
    calls = [
        Call(
            what=each.what,
            came=each.came - began,
            seconds=(seconds if each.answered is None else each.answered - began)
            - (each.came - began),
        )
        for each in requests
    ]
    return Asked(seconds=seconds, calls=calls)


def _middle(plain: Sequence[Asked], late: Sequence[Asked]) -> Asked:
    """Give the middle one, with the round trips that it waits for one behind the other."""
    middle = sorted(plain, key=lambda each: each.seconds)[len(plain) // 2]
    later = median(each.seconds for each in late) - middle.seconds
    return Asked(seconds=middle.seconds, calls=middle.calls, waits_for=later / _DELAY_SECONDS)


@contextmanager
def _handler(stack: Deployed) -> Iterator[FunctionProcess]:
    with function(_HANDLER, stack.variables(_FUNCTION)) as process:
        yield process
