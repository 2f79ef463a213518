"""Clocks for tests."""

from datetime import UTC, datetime

START = datetime(2024, 5, 1, 12, 30, 0, 123456, tzinfo=UTC)


class Clock:
    """A time that moves when it is told to."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time


class SteadyClock:
    """Seconds since some start, that pass when they are told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> None:
        self.seconds += seconds
