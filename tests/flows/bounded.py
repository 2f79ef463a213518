"""A bound on what waits for somebody else's work, so that no test hangs."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

MOST_SECONDS = 120


@contextmanager
def bounded(seconds: int = MOST_SECONDS) -> Iterator[None]:
    """Raise TimeoutError in the body, which runs in the main thread, when it takes longer."""

    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"not done within {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
