"""A median of few measurements, and between which bounds it lies with 95 % certainty."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from statistics import median

_DOUBT = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A median, and the bounds of the interval of 95 % around it."""

    median: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """How far it reaches at most, if its median stood in its middle."""
        return (self.high - self.low) / 2


def interval(measured: Sequence[float]) -> Interval | None:
    """Give the median with its interval; None of fewer than six, which are not enough for one.

    Its bounds are two of the measurements: how many of them lie below the true median is decided as
    by tossing a coin, whatever their distribution is (the sign test, turned round).
    """
    ordered, n = sorted(measured), len(measured)
    # So many are left out at each end; `chance` is that of the true median to lie further out.
    left_out, chance = 0, 1.0 if n == 0 else 2 / 2**n
    while chance <= _DOUBT:
        left_out += 1
        chance += 2 * comb(n, left_out) / 2**n
    if left_out == 0:
        return None
    return Interval(median=median(ordered), low=ordered[left_out - 1], high=ordered[n - left_out])
