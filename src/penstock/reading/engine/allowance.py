"""Allowances: the running time that a request's queries may take, and the way to end them."""

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from penstock.errors import QueryTimeoutError, ScanCancelledError

_WATCH_SECONDS = 0.2


class Allowance:
    """The time that one request's queries may take together.

    Only time inside the engine counts: a client that reads slowly costs nothing.
    """

    def __init__(self, *, seconds: float) -> None:
        self.seconds = seconds
        self._spent = 0.0
        self._since: float | None = None
        self._interrupt: Callable[[], None] | None = None
        self._cancelled = False
        self._lock = threading.Lock()

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled

    def cancel(self) -> None:
        """End the running step and every later one. Thread-safe, does not wait."""
        self._cancelled = True
        self.enforce()

    @contextmanager
    def step(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """Count the body's time; `interrupt` ends it from another thread when it is over.

        Raises ScanCancelledError and QueryTimeoutError, also in place of what the interrupted body
        raised.
        """
        with self._lock:
            self._since = time.monotonic()
            self._interrupt = interrupt
        try:
            self._refuse()
            yield
        except BaseException:
            self._refuse()
            raise
        finally:
            with self._lock:
                self._spent += time.monotonic() - self._since
                self._since = self._interrupt = None

    def enforce(self) -> None:
        """Interrupt the running step if it is cancelled or out of time; harmless otherwise."""
        with self._lock:
            if self._interrupt is not None and (self._cancelled or self._left() <= 0):
                self._interrupt()

    def _left(self) -> float:
        running = 0.0 if self._since is None else time.monotonic() - self._since
        return self.seconds - self._spent - running

    def _refuse(self) -> None:
        if self._cancelled:
            raise ScanCancelledError
        if self._left() <= 0:
            raise QueryTimeoutError(limit_seconds=self.seconds)


class Watch:
    """One thread that enforces every allowance in use.

    It asks again and again, because an interrupt that arrives before its query has begun is lost.
    """

    def __init__(self) -> None:
        self._allowances: weakref.WeakSet[Allowance] = weakref.WeakSet()
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="allowances", daemon=True)
        self._thread.start()

    def add(self, allowance: Allowance) -> None:
        """Enforce this allowance for as long as somebody holds it."""
        with self._lock:
            self._allowances.add(allowance)

    def close(self) -> None:
        """End the thread."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(_WATCH_SECONDS):
            with self._lock:
                watched = list(self._allowances)
            for allowance in watched:
                allowance.enforce()
