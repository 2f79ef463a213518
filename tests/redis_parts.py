"""A real Redis that a test starts for itself, what stands in for a bad one, and an ear."""

import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import missing

from penstock.ports import Audience, Hint, Signals
from penstock.signals.redis_connection import FAULTS, RedisConnection
from penstock.signals.redis_place import redis_place
from penstock.signals.redis_signals import RedisSignals
from penstock.signals.timings import Timings

PATIENCE_SECONDS = 30
QUICK = Timings(
    answer_seconds=1,
    ping_seconds=0.1,
    first_wait_seconds=0.01,
    longest_wait_seconds=0.05,
    steady_seconds=0.1,
)
"""Nothing is waited for as long as in earnest."""

_LOOK_SECONDS = 0.02


@dataclass(slots=True, kw_only=True)
class RedisServer:
    """A server on loopback; it can be stopped, and started again at the same address."""

    folder: Path
    port: int
    options: tuple[str, ...] = ()
    url: str = ""
    _process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        command = [
            "redis-server",
            *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)),
            *("--save", "", "--appendonly", "no", *self.options),
        ]
        with (self.folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        ends = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                RedisConnection(redis_place(self.url), seconds=1).close()
            except FAULTS as error:
                if self._process.poll() is not None or time.monotonic() > ends:
                    said = (self.folder / "redis.log").read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"{command} did not start:\n{said}") from error
                time.sleep(_LOOK_SECONDS)
            else:
                return

    def stop(self) -> None:
        """Kill it, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Have it neither take nor say anything while the body runs; its connections stay."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def connection(self) -> RedisConnection:
        """Open a connection of the test's own."""
        return RedisConnection(redis_place(self.url), seconds=PATIENCE_SECONDS)


@contextmanager
def redis_server(folder: Path, *options: str, user_info: str = "") -> Iterator[RedisServer]:
    """Run a Redis with these options, whose URL has this before the host: `:secret@`."""
    if shutil.which("redis-server") is None:
        missing("redis-server is not installed")
    port = free_port()
    server = RedisServer(
        folder=folder, port=port, options=options, url=f"redis://{user_info}127.0.0.1:{port}"
    )
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def hanging_server() -> Iterator[str]:
    """Give the URL of what takes connections, and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        yield f"redis://127.0.0.1:{listening.getsockname()[1]}"


def free_port() -> int:
    """Find a port that nobody uses just now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def signals_by(
    url: str,
    *,
    scope: str = "test",
    report: Callable[[str], None] = lambda _: None,
    wait_seconds: float = 0,
    pace: Timings = QUICK,
) -> Iterator[RedisSignals]:
    """Open signals by way of a Redis for the body."""
    place = redis_place(url)
    signals = RedisSignals(
        lambda: place, scope=scope, report=report, wait_seconds=wait_seconds, pace=pace
    )
    try:
        yield signals
    finally:
        signals.close()


@dataclass(slots=True)
class Ear:
    """Keeps what is heard, and waits for it."""

    heard: list[Hint | None] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def __call__(self, hint: Hint | None) -> None:
        """Hear."""
        with self._changed:
            self.heard.append(hint)
            self._changed.notify_all()

    def until(self, is_enough: Callable[[list[Hint | None]], bool]) -> None:
        """Wait until what was heard is enough; fails after a while."""
        with self._changed:
            found = self._changed.wait_for(lambda: is_enough(self.heard), PATIENCE_SECONDS)
            assert found, self.heard[-10:]

    def until_all_of(self, hints: list[Hint]) -> None:
        """Wait until each of these was heard."""
        self.until(lambda heard: set(hints) <= set(heard))


@contextmanager
def hearing(signals: Signals, audience: Audience) -> Iterator[Ear]:
    """Hear an audience's hints for the body, which begins once they come."""
    ear = Ear()
    with signals.hearing(audience, ear):
        ear.until(lambda heard: None in heard)
        yield ear


def a_hint(number: int = 0, *, tenant: str = "acme") -> Hint:
    """Make the hint of a job; each number has an id of its own."""
    return Hint(tenant=tenant, job_id=f"01JD3B6Z8Y5V9TQ0RXK{number:07d}")
