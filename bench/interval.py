"""By how much one way differs from another, measured in pairs, and how certain that is."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import exp, log, sqrt
from statistics import median

_DEVIATIONS = 1.96
"""Of the normal distribution, beyond which one in twenty is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """How much more one of each pair takes than the other, as a share; with 95 % certainty."""

    middle: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """How far it reaches at most, if its value stood in its middle."""
        return (self.high - self.low) / 2


def interval(ratios: Sequence[float]) -> Interval | None:
    """Say what pairs' ratios have in common; None of fewer than six, which are not enough for that.

    This is the signed-rank test turned round (Hodges and Lehmann, Estimates of Location Based on
    Rank Tests, 1963): the median of the averages of each two ratios, and so many of those left out
    at each end. Outliers weigh little, and nothing is taken for granted but that a ratio and its
    inverse are as likely where neither of the two takes more.
    """
    logarithms, n = [log(each) for each in ratios], len(ratios)
    average, deviation = n * (n + 1) / 4, sqrt(n * (n + 1) * (2 * n + 1) / 24)
    left_out = int(average - _DEVIATIONS * deviation)
    if left_out < 1:
        return None
    ordered = sorted((a + b) / 2 for a, b in combinations_with_replacement(logarithms, 2))
    low, high = ordered[left_out - 1], ordered[-left_out]
    return Interval(middle=exp(median(ordered)) - 1, low=exp(low) - 1, high=exp(high) - 1)
