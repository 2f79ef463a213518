"""Servers as processes of their own: started, waited for, weighed, and always stopped."""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 60
STOP_SECONDS = 10

ENVIRONMENT = {name: said for name, said in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""Of a server: its modules are compiled once, as those of installed packages are."""


class BenchError(Exception):
    """A measurement can't be made or isn't right; the text is for the terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server process, ready for requests."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    ready_seconds: float
    """From starting the process to the end of the first answer to `ready`."""
    base_rss: int | None
    """Bytes resident when it was ready, before the first measured request."""

    def url(self, path: str) -> str:
        """Give the URL of a path; `localhost`, because the host names the tenant."""
        return f"http://localhost:{self.port}{path}"

    def peak_rss(self) -> int | None:
        """Sum the highest resident sizes so far of the process and its descendants, in bytes.

        Read from Linux's /proc (VmHWM); None elsewhere. Too high rather than too low where the
        peaks of several processes fell at different times.
        """
        return memory(self.process.pid, "VmHWM")


@contextmanager
def running(
    command: Sequence[str],
    *,
    name: str,
    port: int,
    ready: str,
    log: Path,
    environment: Mapping[str, str] = ENVIRONMENT,
) -> Iterator[Server]:
    """Start a server and yield it when a GET of `ready` is answered; stop it in every case.

    What it prints goes to `log`. It runs in a session of its own, so that Ctrl-C reaches the
    benchmark alone, which then stops it.

    Raises BenchError if the process ends or does not answer within 60 s.
    """
    with log.open("ab") as out:
        spawned = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment,
        )
    try:
        _wait_until_ready(process, name=name, port=port, ready=ready, log=log)
        ready_seconds = time.perf_counter() - spawned
        yield Server(
            name=name,
            port=port,
            process=process,
            ready_seconds=ready_seconds,
            base_rss=memory(process.pid, "VmRSS"),
        )
    finally:
        _stop(process)


def free_port() -> int:
    """Find a port of the loopback interface that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(
    process: subprocess.Popen[bytes], *, name: str, port: int, ready: str, log: Path
) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            tail = log.read_text(errors="replace")[-2000:]
            raise BenchError(f"{name} ended with {process.returncode} at its start:\n{tail}")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
        try:
            connection.request("GET", ready, headers={"Host": f"localhost:{port}"})
            answer = connection.getresponse()
            answer.read()
        except OSError:
            time.sleep(0.005)
        else:
            if answer.status == 200:
                return
            raise BenchError(f"{name} answers {answer.status} to {ready}")
        finally:
            connection.close()
    raise BenchError(f"{name} did not answer within {START_SECONDS} s; see {log}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def memory(pid: int, field: str) -> int | None:
    """Sum a field of Linux's /proc/PID/status, in bytes, over a process and its descendants."""
    total = None
    for each in _tree(pid):
        try:
            lines = Path(f"/proc/{each}/status").read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            if line.startswith(f"{field}:"):
                total = (total or 0) + int(line.split()[1]) * 1024
    return total


def _tree(pid: int) -> list[int]:
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            found += _tree(int(child))
    return found
