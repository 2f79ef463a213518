"""Throughput: how fast a job goes, by what was seen of it."""

from collections import deque

SECONDS = 15.0
"""What was seen longer ago doesn't count."""


class Throughput:
    """The rate of one count over the last seconds; holds what was seen in them."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, seconds: float, count: int) -> None:
        """Note a count, by a clock that never goes back."""
        self._seen.append((seconds, count))
        while len(self._seen) > 2 and seconds - self._seen[1][0] >= SECONDS:  # noqa: PLR2004 - two make a rate
            self._seen.popleft()

    @property
    def a_second(self) -> float | None:
        """The rate; None before there are two moments to compare, and where nothing was done."""
        if len(self._seen) < 2:  # noqa: PLR2004 - two make a rate
            return None
        (began, first), (ended, last) = self._seen[0], self._seen[-1]
        if ended <= began or last <= first:
            return None
        return (last - first) / (ended - began)
