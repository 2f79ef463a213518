"""One organisation's slice from S3, warm: how long it takes, and which round trips it waits for."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

import deployed
import slice_floor
from counting import Counted, counting
from deployed import Deployed
from invoker import Function, function
from packaged import DOWNLOAD, Program
from servers import BenchError
from ways import ORGANISATION

WARM_UP = 5
DELAY_SECONDS = 0.02
"""Long beside what the machine takes, so that what waits one behind the other can be counted."""

LOOP = "through the loop"
FLOORS = {
    "the engine alone, set as the service sets it": slice_floor.KEPT,
    "the engine alone, as it comes": slice_floor.PLAIN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds to the first byte (of the floor: batch) and to the last one."""

    first: float
    last: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request of a slice, with seconds from when it was asked for."""

    what: str
    came: float
    answered: float | None


@dataclass(slots=True, kw_only=True)
class Slices:
    """What a slice takes, by way, and the requests of one, in order."""

    times: dict[str, list[Times]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    waits_for: Times | None = None
    """Round trips that the first and the last byte wait for, one behind the other."""

    def percentile(self, way: str, which: int, of: Callable[[Times], float]) -> float | None:
        """Give a percentile in seconds, None where a way was not measured."""
        kept = [of(each) for each in self.times.get(way, [])]
        if len(kept) < 2:
            return None
        return quantiles(kept, n=100, method="inclusive")[which - 1]


def slices(
    program: Program, stack: Deployed, *, name: str, rows: int, times: int, log: Path
) -> Slices:
    """Ask for the slice through the loop and read it with the engine alone, in turn.

    Then again with a counting way to each server, which makes every request take longer.
    """
    found, event = Slices(), deployed.event(f"/{name}.csv?organisation-entity={ORGANISATION}")
    location = f"s3://{stack.stack.bucket}/{stack.key(name)}"
    with _loop(program, stack, log) as loop, _floor(stack, location, rows) as floor:
        for number in range(times + WARM_UP):
            taken = loop.invoke(event)
            if number >= WARM_UP:
                _add(found, LOOP, taken.first_byte_seconds, taken.seconds)
            for way, variant in FLOORS.items():
                seconds = floor(variant)
                if number >= WARM_UP:
                    _add(found, way, *seconds)
    _count(found, program, stack, event, times=max(4, times // 10), log=log)
    return found


def _count(
    found: Slices,
    program: Program,
    stack: Deployed,
    event: Mapping[str, object],
    *,
    times: int,
    log: Path,
) -> None:
    with counting(stack.stack.s3.endpoint) as s3, counting(stack.stack.aws.endpoint) as aws:
        ways = (s3, aws)
        with _loop(program, stack.behind(s3=s3.endpoint, aws=aws.endpoint), log) as loop:
            for _ in range(WARM_UP):
                loop.invoke(event)
            plain = [_watched(loop, event, ways) for _ in range(times)]
            plain.sort(key=lambda one: one[0].last)
            found.requests = plain[times // 2][1]
            for way in ways:
                way.delay_seconds = DELAY_SECONDS
            late = [_watched(loop, event, ways) for _ in range(times)]
    found.waits_for = Times(
        first=_later([one[0].first for one in plain], [one[0].first for one in late]),
        last=_later([one[0].last for one in plain], [one[0].last for one in late]),
    )


def _watched(
    loop: Function, event: Mapping[str, object], ways: Sequence[Counted]
) -> tuple[Times, list[Request]]:
    loop.wait_until_ready()
    for way in ways:
        way.requests.clear()
    began = time.perf_counter()
    taken = loop.invoke(event)
    loop.wait_until_ready()
    asked = sorted((each for way in ways for each in way.requests), key=lambda each: each.came)
    requests = [
        Request(
            what=each.what,
            came=each.came - began,
            answered=each.answered - began if each.answered else None,
        )
        for each in asked
    ]
    return Times(first=taken.first_byte_seconds, last=taken.seconds), requests


def _later(before: Sequence[float], after: Sequence[float]) -> float:
    return (median(after) - median(before)) / DELAY_SECONDS


def _add(found: Slices, way: str, first: float, last: float) -> None:
    found.times.setdefault(way, []).append(Times(first=first, last=last))


@contextmanager
def _loop(program: Program, stack: Deployed, log: Path) -> Iterator[Function]:
    variables = {**stack.variables(), **program.variables, "_HANDLER": DOWNLOAD}
    with function(program.command, variables, name=LOOP, log=log) as running:
        yield running


@contextmanager
def _floor(stack: Deployed, location: str, rows: int) -> Iterator[Callable[[str], Sequence[float]]]:
    command = [sys.executable, str(Path(slice_floor.__file__)), location, str(ORGANISATION)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=dict(stack.stack.variables),
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise BenchError("the floor's process has no pipes")
        asks, answers = process.stdin, process.stdout

        def read(variant: str) -> Sequence[float]:
            print(variant, file=asks, flush=True)
            first, last, count = answers.readline().split()
            if int(count) != rows:
                raise BenchError(f"the floor read {count} rows where {rows} were expected")
            return float(first), float(last)

        try:
            yield read
        finally:
            process.kill()
