"""Timings: how long a Redis is waited for, and how soon it is tried again."""

import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Seconds; all of this is waited for in threads of the adapter's own."""

    answer_seconds: float = 1.0
    """The longest that a connection, or an answer on one, may take."""
    ping_seconds: float = 10.0
    """A connection on which nothing came for so long is asked whether it lives."""
    idle_seconds: float = 10.0
    """What was not used for so long, by a frozen function for one, is not used again."""
    first_wait_seconds: float = 0.1
    longest_wait_seconds: float = 5.0
    """How long a failure is rested after: at first, and at most after many."""
    steady_seconds: float = 5.0
    """A connection that held for so long makes the next failure a first one."""

    def waits(self) -> Iterator[float]:
        """Give how long to rest after each failure in a row.

        Each is drawn by lot, so that those who lost one server don't come back together.
        """
        most = self.first_wait_seconds
        while True:
            yield random.uniform(most / 2, most)  # noqa: S311 - spreads attempts, hides nothing
            most = min(2 * most, self.longest_wait_seconds)
