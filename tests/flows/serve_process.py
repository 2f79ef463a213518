"""`penstock serve` as a process of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_MOST_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Running:
    """A started service, and what it printed until it took requests."""

    process: subprocess.Popen[str]
    port: int
    banner: str

    def interrupted(self, how: signal.Signals = signal.SIGINT) -> tuple[int, float, str]:
        """End it with a signal: exit code, seconds, and what else it said."""
        began = time.monotonic()
        self.process.send_signal(how)
        _, said = self.process.communicate(timeout=_MOST_SECONDS)
        return self.process.returncode, time.monotonic() - began, said


def command(*arguments: str) -> list[str]:
    """Give the command line of `penstock serve`."""
    return [sys.executable, "-m", "penstock", "serve", *arguments]


def environment(home: Path) -> dict[str, str]:
    """Give the environment in which it keeps its things in a folder of the test's."""
    return os.environ | {"PENSTOCK_HOME": str(home), "PYTHONUNBUFFERED": "1"}


@contextmanager
def started(path: Path, *, home: Path, port: int = 0) -> Iterator[Running]:
    """Start it and wait for its banner; it is killed at the end if it still runs."""
    process = subprocess.Popen(
        command(str(path), "--port", str(port)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(home),
    )
    try:
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        banner = "".join(lines)
        assert "Ctrl-C" in banner, process.communicate()[1]
        port = int(banner.split("http://localhost:")[1].split("/")[0])
        yield Running(process=process, port=port, banner=banner)
    finally:
        process.kill()
        process.communicate()
