"""Long runs: how much of them is run, which chances they take, and what is told of them.

PENSTOCK_LONG_SEED repeats a run's chances. PENSTOCK_LONG_KILLS, PENSTOCK_LONG_DROPS,
PENSTOCK_LONG_RUNS and PENSTOCK_LONG_OUTAGE_SECONDS say how much is run; without them it is what
each test names.
"""

import os
import random
import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

_SEED_BITS = 32


def amount(what: str, *, usual: int) -> int:
    """Give how much of something is run: PENSTOCK_LONG_{WHAT}, or the usual amount."""
    return int(os.environ.get(f"PENSTOCK_LONG_{what}", usual))


def seed() -> int:
    """Give PENSTOCK_LONG_SEED, or a fresh seed."""
    return int(os.environ.get("PENSTOCK_LONG_SEED", secrets.randbits(_SEED_BITS)))


@dataclass
class Account:
    """What is told of a run, seed and all, whether it goes well or not."""

    title: str
    seed: int
    capture: pytest.CaptureFixture[str]
    figures: dict[str, object] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._print(f"{self.title}: PENSTOCK_LONG_SEED={self.seed}")

    @property
    def chance(self) -> random.Random:
        """The run's chances, from their beginning."""
        return random.Random(self.seed)

    def tell(self) -> None:
        """Print the figures, and how long they took."""
        seconds = time.monotonic() - self.began
        said = ", ".join(f"{name} {value}" for name, value in self.figures.items())
        self._print(f"{self.title}: {said}; {seconds:.0f} s, PENSTOCK_LONG_SEED={self.seed}")

    def _print(self, line: str) -> None:
        with self.capture.disabled():
            sys.stdout.write(f"\n{line}\n")
            sys.stdout.flush()


def until(holds: Callable[[], bool], *, what: str, seconds: float = 120) -> None:
    """Wait until something holds; fail if that takes too long."""
    latest = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > latest:
            pytest.fail(f"waited {seconds} s in vain: {what}")
        time.sleep(0.02)
