"""`penstock serve` on a home folder, with workers of its own, to be killed and started again."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from tests.long_runs import until

from penstock.local.home_layout import database_path
from penstock.local.tenants.keys import SqliteKeys
from penstock.model.clock import utc_now
from penstock.model.key import Role, new_key

_START_SECONDS = 120
_LOOK_SECONDS = 0.05
_PPID_FIELD = 1
"""Where /proc/PID/stat holds the parent, counted behind the command's name (proc(5))."""

QUICK: Mapping[str, str] = {
    "PENSTOCK_JOB_HEARTBEAT_SECONDS": "0.5",
    "PENSTOCK_JOB_LEASE_SECONDS": "5",
    "PENSTOCK_JOB_SWEEP_SECONDS": "1",
    "PENSTOCK_JOB_START_SECONDS": "10",
    "PENSTOCK_JOB_CANCEL_SECONDS": "10",
    "PENSTOCK_REQUESTS_PER_MINUTE": "0",
}
"""Rules under which what waits for a minute waits for seconds; their order of size is the usual."""


@dataclass
class KilledService:
    """A service that can be killed; `key` is an administrator's of `tenant`."""

    home: Path
    tenant: str
    host: str = "localhost"
    demo: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    key: str = ""
    _process: "subprocess.Popen[str] | None" = None
    _scratch: Path | None = None

    def start(self) -> None:
        """Start it, on the port of before if there was one, and wait until it answers."""
        if self._scratch is None:
            self._scratch = Path(tempfile.mkdtemp(prefix="penstock-killed-"))
            # PostgreSQL, which doesn't run as root, finds its way through it.
            self._scratch.chmod(0o711)
        with (self.home / "service.log").open("a") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "penstock", "serve", "--home", str(self.home)),
                    *("--port", str(self.port), *(() if self.demo else ("--no-demo",))),
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={
                    **os.environ,
                    **QUICK,
                    **self.settings,
                    "PYTHONUNBUFFERED": "1",
                    # What killed processes leave behind isn't left in everybody's folder.
                    "TMPDIR": str(self._scratch),
                },
            )
        assert self._process.stdout is not None
        banner = ""
        for line in self._process.stdout:
            banner += line
            if "Ctrl-C" in line:
                break
        assert "Ctrl-C" in banner, self.log()
        self.port = int(banner.split("http://localhost:")[1].split("/")[0])

    def kill(self) -> None:
        """Kill the service itself; its workers notice that it is gone, and end."""
        assert self._process is not None
        self._process.kill()
        self._process.communicate(timeout=_START_SECONDS)

    def end(self) -> None:
        """Kill whatever of it still runs."""
        for worker in self.workers():
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        if self._process is not None:
            self.kill()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def workers(self) -> list[int]:
        """Give the ids of the worker processes that the service has just now."""
        if self._process is None:
            return []
        return [pid for pid in children_of(self._process.pid) if _is_worker(pid)]

    def log(self) -> str:
        """Give what it and its workers logged, the end of it."""
        return (self.home / "service.log").read_text()[-5_000:]

    def ask(self, method: str, path: str, *, tries: int = 200, **given: Any) -> httpx.Response:
        """Ask, and ask again while the service is down, or busy."""
        headers = {"host": self.host, "x-api-key": self.key, **given.pop("headers", {})}
        for left in reversed(range(tries)):
            try:
                answer = httpx.request(
                    method,
                    f"http://127.0.0.1:{self.port}{path}",
                    headers=headers,
                    timeout=60,
                    **given,
                )
            except httpx.TransportError:
                if left == 0:
                    raise
            else:
                is_pending = answer.status_code == 409 and method == "POST"
                if not (is_pending or answer.status_code in (429, 503)) or left == 0:
                    return answer
            time.sleep(_LOOK_SECONDS)
        raise AssertionError("no answer")


@contextmanager
def killed_service(
    home: Path, *, tenant: str, demo: bool = False, settings: Mapping[str, str] | None = None
) -> Iterator[KilledService]:
    """Run a service on a home for the body; `settings` are variables of its environment."""
    service = KilledService(home=home, tenant=tenant, demo=demo, settings=settings or {})
    service.start()
    try:
        service.key = add_key(home, tenant, role="admin")
        yield service
    finally:
        service.end()
    # Whoever was started by one that was killed has noticed it by now, or soon will.
    until(lambda: not processes_of(home), what="no process is left")


def processes_of(home: Path) -> list[int]:
    """Give the processes that were started for a home folder, by their command lines."""
    name = os.fsencode(home)
    found = []
    for place in Path("/proc").iterdir():
        with suppress(OSError):
            if place.name.isdecimal() and name in (place / "cmdline").read_bytes():
                found.append(int(place.name))
    return [pid for pid in found if pid != os.getpid() and is_alive(pid)]


def add_key(home: Path, tenant: str, *, user: str = "ada", role: Role = "reader") -> str:
    """Store a key in a home, and give its token."""
    keys = SqliteKeys(database_path(home), now=utc_now)
    try:
        key, token = new_key(tenant=tenant, user=user, role=role, created=utc_now())
        keys.add(key)
    finally:
        keys.close()
    return token


def is_alive(pid: int) -> bool:
    """Whether a process still runs."""
    return _parent_of(pid) is not None


def children_of(pid: int) -> list[int]:
    """Give the processes that a process has started, those that are over left out."""
    return [
        int(place.name)
        for place in Path("/proc").iterdir()
        if place.name.isdecimal() and _parent_of(int(place.name)) == pid
    ]


def _parent_of(pid: int) -> int | None:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *fields = status.rpartition(")")[2].split()
    return None if state in "ZX" else int(fields[_PPID_FIELD - 1])


def _is_worker(pid: int) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"work" in words


def owner_pid(owner: str | None) -> int | None:
    """Give the process of a lease's owner; None where it says none."""
    parts = (owner or "").split("/")
    if len(parts) != 4 or not parts[1].isdecimal():
        return None
    return int(parts[1])


def kill_database(home: Path) -> bool:
    """Kill the demo's PostgreSQL of a home, if it runs."""
    place = home.resolve() / "demo-database" / "data" / "postmaster.pid"
    try:
        pid = int(place.read_text().splitlines()[0])
        os.kill(pid, signal.SIGKILL)
    except (OSError, ValueError, IndexError):
        return False
    return True
