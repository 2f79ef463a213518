"""What the API of jobs takes: a running `penstock serve`, asked over HTTP and listened to."""

import http.client
import json
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from exports_results import Answers, Effort
from servers import ENVIRONMENT, BenchError, Server, free_port, running

TYPE = "premium-pay"
ROWS = 1201
"""Of that type, in the demo's database, without parameters."""

_WARM_UP = 3
_MOST_SECONDS = 120
_LOOK_SECONDS = 0.02
_STATUSES = 4
"""How often each job is looked at once it is over, with nothing else going on."""


def answers(program: Sequence[str], effort: Effort, *, home: Path, log: Path) -> Answers:
    """Measure one after the other: jobs asked for alone, and then many at once.

    Raises BenchError if anything is answered otherwise than it must be.
    """
    found, port = Answers(), free_port()
    variables = {**ENVIRONMENT, "PENSTOCK_REQUESTS_PER_MINUTE": "0"}
    command = [*program, "serve", "--port", str(port), "--home", str(home)]
    with running(
        command, name="penstock", port=port, ready="/-/healthz", log=log, environment=variables
    ) as server:
        service = _Service(server=server, key=_new_key(program, home))
        with service.talk() as talk:
            found.first = talk.whole(Answers())
            for _ in range(_WARM_UP):
                talk.whole(Answers())
        with service.listening() as heard:
            with service.talk() as talk:
                for _ in range(effort.posts):
                    talk.whole(found)
            found.events = list(heard.seconds)
            heard.seconds.clear()
            _at_once(service, heard, effort.at_once, found)
            found.crowd_events = list(heard.seconds)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Service:
    server: Server
    key: str

    @contextmanager
    def talk(self) -> "Iterator[_Talk]":
        connection = http.client.HTTPConnection(
            "localhost", self.server.port, timeout=_MOST_SECONDS
        )
        try:
            yield _Talk(connection, self.key)
        finally:
            connection.close()

    @contextmanager
    def listening(self) -> "Iterator[_Heard]":
        with self.talk() as talk:
            ticket = talk.json("POST", "/v1/events/tickets", expected=201)["ticket"]
        url = f"ws://localhost:{self.server.port}/v1/events?ticket={ticket}"
        heard = _Heard()
        with connect(url, proxy=None) as socket:
            thread = threading.Thread(target=heard.listen, args=(socket,), daemon=True)
            thread.start()
            yield heard
            socket.close()
            thread.join(_MOST_SECONDS)


class _Talk:
    """One open connection, on which one request follows the other."""

    def __init__(self, connection: http.client.HTTPConnection, key: str) -> None:
        self._connection = connection
        self._headers = {"X-Api-Key": key}

    def open(self) -> None:
        self._connection.connect()

    def json(self, method: str, path: str, *, body: Any = None, expected: int = 200) -> Any:
        return json.loads(self._answer(method, path, body=body, expected=expected))

    def post(self) -> str:
        """Ask for an export; gives its id."""
        said = self.json("POST", "/v1/exports", body={"type": TYPE, "params": {}}, expected=202)
        return str(said["id"])

    def status(self, job_id: str) -> Any:
        return self.json("GET", f"/v1/jobs/{job_id}")

    def until_over(self, job_id: str, seconds: list[float]) -> Any:
        """Look at a job until it is over, and keep what each look took."""
        latest = time.monotonic() + _MOST_SECONDS
        while time.monotonic() < latest:
            began = time.perf_counter()
            job = self.status(job_id)
            seconds.append(time.perf_counter() - began)
            if job["ended"] is not None:
                return job
            time.sleep(_LOOK_SECONDS)
        raise BenchError(f"a job wasn't over within {_MOST_SECONDS} s")

    def whole(self, found: Answers) -> float:
        """Ask for an export, wait for it and download it; gives what that took."""
        began = time.perf_counter()
        job_id = self.post()
        found.posts.append(time.perf_counter() - began)
        job = self.until_over(job_id, [])
        found.until_over.append(time.perf_counter() - began)
        if job["state"] != "SUCCEEDED":
            raise BenchError(f"{TYPE}: {job['state']}, {job['error']}")
        result = self.json("GET", f"/v1/jobs/{job_id}/result")
        lines = self._answer("GET", result["downloads"]["csv"]).count(b"\n")
        taken = time.perf_counter() - began
        found.until_downloaded.append(taken)
        if lines != ROWS + 1 or result["rows"] != ROWS:
            raise BenchError(f"{TYPE}: {lines} lines where {ROWS} rows and a header were expected")
        for _ in range(_STATUSES):
            began = time.perf_counter()
            self.status(job_id)
            found.statuses.append(time.perf_counter() - began)
        return taken

    def _answer(self, method: str, path: str, *, body: Any = None, expected: int = 200) -> bytes:
        content = None if body is None else json.dumps(body).encode()
        headers = self._headers | ({} if body is None else {"Content-Type": "application/json"})
        try:
            self._connection.request(method, path, body=content, headers=headers)
            answer = self._connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise BenchError(f"{method} {path}: {type(error).__name__} {error}") from error
        if answer.status != expected:
            raise BenchError(f"{method} {path}: {answer.status} {said[:500]!r}")
        return said


@dataclass(slots=True)
class _Heard:
    """What a socket was told: how late, and of which jobs' ends."""

    seconds: list[float] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def listen(self, socket: ClientConnection) -> None:
        try:
            for message in socket:
                arrived = datetime.now(UTC)
                event = json.loads(message)
                self.seconds.append((arrived - datetime.fromisoformat(event["at"])).total_seconds())
                if event["event"] == "job.succeeded":
                    with self.changed:
                        self.ended.add(event["job_id"])
                        self.changed.notify()
        except ConnectionClosed:
            return

    def await_ends(self, ids: set[str]) -> None:
        """Wait until all of these are told of, for a while."""
        with self.changed:
            self.changed.wait_for(lambda: ids <= self.ended, _MOST_SECONDS)


def _at_once(service: _Service, heard: _Heard, many: int, found: Answers) -> None:
    """Ask for many exports at once, each on a connection of its own, and see what becomes of them.

    Connections are open before the first of them asks.
    """
    ready = threading.Barrier(many + 1)

    def ask() -> tuple[str, float, float]:
        with service.talk() as talk:
            talk.open()
            ready.wait(_MOST_SECONDS)
            began = time.perf_counter()
            job_id = talk.post()
            return job_id, began, time.perf_counter()

    with ThreadPoolExecutor(many) as pool:
        asking = [pool.submit(ask) for _ in range(many)]
        ready.wait(_MOST_SECONDS)
        asked = [each.result(_MOST_SECONDS) for each in asking]
    first = min(began for _, began, _ in asked)
    found.crowd_asked = many
    found.crowd_posts = [ended - began for _, began, ended in asked]
    found.crowd_wall = max(ended for _, _, ended in asked) - first
    ids = {job_id for job_id, _, _ in asked}
    with service.talk() as talk:
        states = [talk.until_over(job_id, [])["state"] for job_id in sorted(ids)]
    found.crowd_over = time.perf_counter() - first
    found.crowd_made = states.count("SUCCEEDED")
    heard.await_ends(ids)
    found.crowd_told = len(ids & heard.ended)


def _new_key(program: Sequence[str], home: Path) -> str:
    command = [*program, "keys", "add", "--tenant", "demo", "--user", "bench", "--role", "admin"]
    ended = subprocess.run(
        [*command, "--home", str(home)],
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
    )
    if ended.returncode != 0:
        raise BenchError(f"no key can be made: {ended.stderr.strip()}")
    return ended.stdout.strip()
