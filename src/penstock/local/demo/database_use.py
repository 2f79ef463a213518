"""Using a demo server: it is started when there is none, and stays while anybody uses it."""

import fcntl
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from penstock.errors import SetupError
from penstock.local.atomic import exclusive, private_folder
from penstock.local.demo.database_server import START_SECONDS, socket_folder, users_lock

_LEAVING_SECONDS = 30.0
_LOOK_SECONDS = 0.05

_users: dict[Path, int] = {}
"""Locks of the servers that this process uses, by their folders."""
_guard = threading.Lock()


def leave(folder: Path) -> None:
    """Let this process use the server of a folder no longer; it stops if nobody else does."""
    with _guard:
        lock = _users.pop(folder, None)
        if lock is not None:
            os.close(lock)


def use(folder: Path) -> None:
    """Be a user of the server of a folder, until this process ends or leaves; start nothing.

    Raises SetupError if the folder can't be used, or a server before doesn't stop.
    """
    private_folder(folder)
    with _guard:
        if folder in _users:
            return
        try:
            lock = os.open(users_lock(folder), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SetupError(f"{users_lock(folder)} can't be made: {error.strerror}.") from error
        latest = time.monotonic() + _LEAVING_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                # The server of before is just being stopped.
                if time.monotonic() < latest:
                    time.sleep(_LOOK_SECONDS)
                    continue
                os.close(lock)
                raise SetupError("The demo database takes too long to stop.") from None
            _users[folder] = lock
            return


def ensure_started(folder: Path) -> str:
    """Give the folder of the sockets of a server that this process uses, started if need be.

    Raises SetupError if it can't be started.
    """
    with exclusive(folder / "start.lock"):
        return socket_folder(folder) or _started(folder)


def _started(folder: Path) -> str:
    command = [sys.executable, "-m", "penstock.local.demo.database_server", str(folder)]
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=2 * START_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise SetupError("The demo database can't be started.") from error
    sockets = socket_folder(folder)
    if done.returncode != 0 or sockets is None:
        raise SetupError(done.stderr.decode(errors="replace").strip() or "No demo database.")
    return sockets
