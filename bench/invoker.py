"""A function's process and Lambda's side of its Runtime API: one event after another, timed."""

import json
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import servers
from servers import BenchError
from sink import PACED_BUFFER_BYTES, Pace, Sink, Taken

TIMEOUT_SECONDS = 120
"""What template.yaml gives the download function by default: it decides how much may be sent."""

_NEXT = "GET /2018-06-01/runtime/invocation/next "
_RESPONSE = "/response HTTP/1.1"
_PATIENCE_SECONDS = 60
_STOP_SECONDS = 5


@dataclass(slots=True, kw_only=True)
class Function:
    """A running function; one thread asks it, and takes what it answers."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    spawned: float
    """When its process was started, on the clock that all processes of a machine share."""
    ready: float = 0.0
    """When it first asked for an event."""
    _listening: socket.socket
    _waiting: socket.socket | None = None

    def wait_until_ready(self) -> None:
        """Wait until the process asks for an event. Raises BenchError if it can't begin."""
        if self._waiting is not None:
            return
        connection, sink, line, headers = self._accepted(None)
        if not line.startswith(_NEXT):
            with connection:
                raise self._failure(f"{line}: {_said(sink, headers)}")
        self._waiting = connection
        self.ready = self.ready or time.perf_counter()

    def invoke(
        self,
        event: Mapping[str, Any],
        *,
        pace: Pace | None = None,
        seconds: float = TIMEOUT_SECONDS,
    ) -> Taken:
        """Give it an event and take its answer; timed from when the event is given.

        Raises BenchError if the answer has an error status, breaks off or isn't given.
        """
        self.wait_until_ready()
        if self._waiting is None:
            raise self._failure("is not ready")
        with self._waiting as waiting:
            self._waiting = None
            asked = time.perf_counter()
            waiting.sendall(_offer(event, seconds))
        connection, sink, line, headers = self._accepted(pace)
        with connection:
            if not line.endswith(_RESPONSE):
                raise self._failure(f"{line}: {_said(sink, headers)}")
            taken = sink.body(headers, asked=asked, prelude=True)
            connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        if taken.trailers or json.loads(taken.prelude)["statusCode"] >= 400:
            raise self._failure(f"{taken.prelude.decode()} {dict(taken.trailers)}")
        return taken

    def memory(self, field: str) -> int | None:
        """Give what Linux tells of its memory, in bytes: VmRSS of now, VmHWM at most so far."""
        return servers.memory(self.process.pid, field)

    def close(self) -> None:
        """Let go of the connection on which the process waited."""
        if self._waiting is not None:
            self._waiting.close()

    def _accepted(self, pace: Pace | None) -> tuple[socket.socket, Sink, str, dict[str, str]]:
        try:
            connection, _ = self._listening.accept()
        except TimeoutError:
            raise self._failure(f"is silent; its process: {self.process.poll()}") from None
        connection.settimeout(_PATIENCE_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sink = Sink(connection, pace)
        line, headers = sink.head()
        return connection, sink, line, headers

    def _failure(self, said: str) -> BenchError:
        tail = self.log.read_text(errors="replace")[-2000:]
        return BenchError(f"{self.name}: {said}\n{tail}")


@contextmanager
def function(
    command: Sequence[str],
    variables: Mapping[str, str],
    *,
    name: str,
    log: Path,
    is_paced: bool = False,
) -> Iterator[Function]:
    """Start a function, whose whole environment `variables` are, for the body, and stop it.

    What it prints goes to `log`. Its answers are to be taken at a pace if it `is_paced`: then the
    kernel holds little of them.
    """
    with socket.socket() as listening, log.open("ab") as out:
        if is_paced:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PACED_BUFFER_BYTES)
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.settimeout(_PATIENCE_SECONDS)
        host, port = listening.getsockname()
        spawned = time.perf_counter()
        process = subprocess.Popen(
            command,
            env={**variables, "AWS_LAMBDA_RUNTIME_API": f"{host}:{port}"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        running = Function(
            name=name, process=process, log=log, spawned=spawned, _listening=listening
        )
        try:
            yield running
        finally:
            _stop(process)
            running.close()


def _offer(event: Mapping[str, Any], seconds: float) -> bytes:
    body = json.dumps(event).encode()
    lines = [
        "HTTP/1.1 200 OK",
        "Content-Type: application/json",
        f"Lambda-Runtime-Aws-Request-Id: {uuid.uuid4()}",
        f"Lambda-Runtime-Deadline-Ms: {int((time.time() + seconds) * 1000)}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _said(sink: Sink, headers: Mapping[str, str]) -> str:
    return sink.whole(int(headers.get("content-length", 0))).decode(errors="replace")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
