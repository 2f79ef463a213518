"""Watch: a thread that cancels an attempt's queries once the attempt has ended."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from penstock.model.attempt import Attempt
from penstock.reading.engine import Allowance

_LOOK_SECONDS = 0.2


@contextmanager
def watched(attempt: Attempt) -> Iterator[Callable[[float], Allowance]]:
    """Give the body what makes allowances of so many seconds, which end when the attempt does.

    Queries raise ScanCancelledError then, within half a second.
    """
    made: list[Allowance] = []
    lock = threading.Lock()
    is_left = threading.Event()

    def allowance(seconds: float) -> Allowance:
        with lock:
            made.append(Allowance(seconds=seconds))
            return made[-1]

    def look() -> None:
        while not is_left.wait(_LOOK_SECONDS):
            if attempt.is_over():
                with lock:
                    over = list(made)
                for one in over:
                    one.cancel()

    watch = threading.Thread(target=look, name="export-watch", daemon=True)
    watch.start()
    try:
        yield allowance
    finally:
        is_left.set()
        watch.join()
