"""A small HTTP server that plays the part of a service with jobs, faults included, by a script."""

import json
import re
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Literal

from penstock.client.transfer.retry import RetryPolicy

JOB_ID = "01HZY3V9S8T5R2Q4W6E8ABCDEF"
TYPES = [
    {
        "type": "premium-pay",
        "title": "Premium pay",
        "params": {
            "properties": {
                "since": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
                "ids": {"type": "array", "items": {"type": "integer"}},
            }
        },
    }
]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to one request in place of its answer."""

    when: Literal["before", "after"] = "before"
    """Whether the service has done by then what it was asked for."""
    status: int | None = None
    """None breaks the connection."""
    cut: int | None = None
    """Breaks it after so many bytes of the answer's body."""
    problem: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request, as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(kw_only=True)
class Desk:
    """One job at most, which takes a step of `steps` each time that it is looked at."""

    steps: list[dict[str, Any]] = field(default_factory=list)
    """States of the job, with its progress; the last one stays."""
    faults: list[Fault | None] = field(default_factory=list)
    """One for each request, in order; None lets it be answered."""
    result: bytes = b"n\n1\n"
    sha256: str | None = None
    """With it, the result is a file that was written beforehand."""
    retry_after: str = "1"
    asked: list[Asked] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    """Each idempotency key that made a job."""
    url: str = ""
    naps: list[float] = field(default_factory=list)
    hold: threading.Event = field(default_factory=threading.Event)
    """Set while looks at the job are answered at once."""
    was_looked_at: threading.Event = field(default_factory=threading.Event)
    is_deleted: bool = False

    @property
    def retry(self) -> RetryPolicy:
        """A client's retry policy that takes notes instead of naps."""
        return RetryPolicy(sleep=self.naps.append, draw=lambda: 1.0)

    def paths(self) -> list[str]:
        """Give what was asked for, in order."""
        return [f"{each.method} {each.path}" for each in self.asked]


def step(state: str, done: int = 0, **more: object) -> dict[str, Any]:
    """Make a state of the job; the same one twice is unchanged."""
    progress = {"high_water": done, "total": 1201, "phase": "reading"}
    return {"state": state, "progress": progress, **more}


@contextmanager
def serving(desk: Desk) -> Iterator[Desk]:
    """Serve `desk` on a free port of loopback while the context lasts; its `url` is set."""
    desk.hold.set()

    class Handler(_Handler):
        scripted = desk

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing: a client that leaves is part of the tests."""

    with Server(("127.0.0.1", 0), Handler) as server:
        desk.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.005,))
        thread.start()
        try:
            yield desk
        finally:
            desk.hold.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    scripted: Desk
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's own name
        """Keep quiet."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.close_connection = True
        desk = self.scripted
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        desk.asked.append(
            Asked(method=self.command, path=self.path, headers=dict(self.headers), body=body)
        )
        fault = desk.faults.pop(0) if desk.faults else None
        if fault is None or fault.when == "after" or fault.cut is not None:
            status, said, headers = self._done(body)
        if fault is not None and fault.cut is None:
            if fault.status is None:
                return
            status, said, headers = fault.status, fault.problem, dict(fault.headers)
        self._send(status, said, headers, cut=None if fault is None else fault.cut)

    def _done(self, body: bytes) -> tuple[int, object, dict[str, str]]:
        desk = self.scripted
        path = self.path.partition("?")[0]
        own = f"/v1/jobs/{JOB_ID}"
        match self.command, path:
            case "GET", "/v1/exports/types":
                return 200, {"types": TYPES}, {}
            case "POST", "/v1/exports":
                key = self.headers["Idempotency-Key"]
                if key not in desk.keys:
                    desk.keys.append(key)
                said = {"id": JOB_ID, "kind": "export", "type": json.loads(body)["type"]}
                return 202, {**said, "state": "ACCEPTED"}, {"Retry-After": desk.retry_after}
            case "GET", "/v1/jobs":
                return 200, {"jobs": [self._job(desk.steps[0])] if desk.steps else []}, {}
            case "GET", found if found == own and not desk.is_deleted:
                return self._look()
            case "POST", found if found == f"{own}/cancel":
                desk.steps = [step("CANCELLING"), step("CANCELLED")]
                return 202, self._job(desk.steps[0]), {}
            case "DELETE", found if found == own and not desk.is_deleted:
                desk.is_deleted = True
                return 204, None, {}
            case "GET", found if found == f"{own}/result":
                return 200, self._result(), {}
            case "GET", found if found.startswith("/exports/"):
                return self._file()
        return 404, {"detail": "There is no such thing here."}, {}

    def _look(self) -> tuple[int, object, dict[str, str]]:
        desk = self.scripted
        desk.was_looked_at.set()
        desk.hold.wait()
        now = desk.steps.pop(0) if len(desk.steps) > 1 else desk.steps[0]
        tag = f'"{now["state"]}{now["progress"]["high_water"]}"'
        if self.headers.get("If-None-Match") == tag:
            return 304, None, {"ETag": tag}
        return 200, self._job(now), {"ETag": tag, "Retry-After": desk.retry_after}

    def _file(self) -> tuple[int, object, dict[str, str]]:
        whole, tag = self.scripted.result, {"ETag": '"result"'}
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if found is None or self.headers.get("If-Range") != tag["ETag"]:
            return 200, whole, tag
        start = int(found[1])
        return (
            206,
            whole[start:],
            {**tag, "Content-Range": f"bytes {start}-{len(whole) - 1}/{len(whole)}"},
        )

    def _result(self) -> dict[str, object]:
        desk = self.scripted
        file = {"url": f"/exports/{JOB_ID}/-/file.csv?_sig=2", "bytes": 4, "sha256": desk.sha256}
        return {
            "downloads": {"csv": f"/exports/{JOB_ID}.csv?_sig={len(desk.asked)}"},
            "files": {} if desk.sha256 is None else {"csv": file},
        }

    def _job(self, now: Mapping[str, object]) -> dict[str, object]:
        created = {"created": "2024-05-01T12:00:00+00:00"}
        return {"id": JOB_ID, "kind": "export", "type": "premium-pay", **created, **now}

    def _send(
        self, status: int, said: object, headers: Mapping[str, str], *, cut: int | None
    ) -> None:
        if isinstance(said, bytes):
            body = said
        else:
            body = b"" if said is None else json.dumps(said).encode()
        kind = "application/json" if status < 400 else "application/problem+json"
        self.send_response(status)
        for name, value in {"Content-Type": kind, **headers}.items():
            self.send_header(name, value)
        if status not in {204, 304}:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body[:cut])
