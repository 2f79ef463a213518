"""Load: many requests in a minute, each of them answered and each answer compared."""

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.aws.doors import Answer, Door
from tests.aws.findings import CheckFailedError, require
from tests.aws.tables import numbers_csv

_OK = 200
_CODINGS = ("identity", "gzip", "zstd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is asked for, and the digest that it must have when decoded."""

    path: str
    coding: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a minute came to."""

    requests: int
    seconds: float
    hits: int
    first_byte_seconds: list[float] = field(repr=False)
    """In order, the shortest first."""

    @property
    def per_minute(self) -> float:
        """How many requests were answered in a minute."""
        return self.requests / self.seconds * 60

    def percentile(self, share: float) -> float:
        """The time to the first byte, in seconds, that this share of the answers kept to."""
        last = len(self.first_byte_seconds) - 1
        return self.first_byte_seconds[round(share * last)]

    def __str__(self) -> str:
        return (
            f"{self.requests} requests in {self.seconds:.1f} s, {self.hits} of them from the "
            f"cache; first byte: p50 {self.percentile(0.5) * 1000:.0f} ms, p99 "
            f"{self.percentile(0.99) * 1000:.0f} ms"
        )


def targets(count: int) -> list[Target]:
    """Make slices of the small table, each of them in every content coding."""
    made = []
    for number in range(count):
        first, turn = number // len(_CODINGS) * 37 % 40_000, number % len(_CODINGS)
        stop = first + 1 + first % 900
        made.append(
            Target(
                path=f"/numbers.csv?n__gte={first}&n__lt={stop}",
                coding=_CODINGS[turn],
                sha256=hashlib.sha256(numbers_csv(range(first, stop))).hexdigest(),
            )
        )
    return made


def _wrong(answer: Answer, target: Target) -> str:
    """Say what is wrong with an answer; nothing if it is right."""
    if answer.status != _OK:
        return f"status {answer.status}"
    came = answer.headers.get("content-encoding", "identity")
    if came != target.coding:
        return f"{came} in place of {target.coding}"
    return "" if answer.sha256 == target.sha256 else f"wrong bytes in {came}"


def holds_up(
    door: Door, asked: Sequence[Target], *, requests: int, seconds: float, at_once: int = 32
) -> Load:
    """Send requests at an even pace, whether or not the last ones were answered yet.

    Raises CheckFailedError unless all were answered with 200 and the right bytes.
    """
    lock = threading.Lock()
    first_bytes: list[float] = []
    wrong: Counter[str] = Counter()
    hits = 0

    def ask(target: Target) -> None:
        nonlocal hits
        try:
            answer = door.ask(target.path, {"accept-encoding": target.coding})
            said = _wrong(answer, target)
        except CheckFailedError as error:
            said = str(error)
        with lock:
            if said:
                wrong[said] += 1
                return
            hits += answer.is_hit
            first_bytes.append(answer.first_byte_seconds)

    began = time.monotonic()
    with ThreadPoolExecutor(at_once) as pool:
        for number in range(requests):
            early = began + number * seconds / requests - time.monotonic()
            if early > 0:
                time.sleep(early)
            pool.submit(ask, asked[number % len(asked)])
    took = time.monotonic() - began
    said = "; ".join(f"{count} times {what}" for what, count in wrong.most_common(5))
    require(not wrong, f"Of {requests} requests, {wrong.total()} went wrong: {said}.")
    require(len(first_bytes) == requests, "Not every request was answered.")
    return Load(requests=requests, seconds=took, hits=hits, first_byte_seconds=sorted(first_bytes))
