"""AWS's own Runtime Interface Emulator starts the wrapper, and takes what the runtime answers."""

import json
import os
import platform
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import missing
from tests.flows import runtime_app
from tests.unit.aws.runtime.runtime_api_double import event_of

from penstock.aws.invoke.prelude import parse_prelude

WRAPPER = runtime_app.REPOSITORY / "layers" / "web" / "penstock-stream"
START_SECONDS = 20
LOOK_SECONDS = 0.05
MACHINES = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


def emulator() -> Path:
    """Find the emulator: the one that PENSTOCK_RIE names, else that of the tools' aws-sam-cli."""
    named = os.environ.get("PENSTOCK_RIE")
    if named is not None:
        return Path(named)
    inside = "lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-"
    machine = MACHINES.get(platform.machine(), "")
    found = sorted((runtime_app.REPOSITORY / ".tools" / "sam").glob(inside + machine))
    if not found or sys.platform != "linux":
        missing("aws-sam-cli's Runtime Interface Emulator is not there: make tools installs it")
    return found[0]


@dataclass(frozen=True, kw_only=True)
class Emulated:
    """A function inside the emulator."""

    port: int
    log: Path

    def invoke(self, path: str, query: str = "") -> tuple[int, bytes]:
        """Have it answer an event: the emulator's status, and the whole answer."""
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/2015-03-31/functions/function/invocations",
            data=json.dumps(event_of(path, query=query)).encode(),
        )
        try:
            with urllib.request.urlopen(asked, timeout=START_SECONDS) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()


@contextmanager
def emulated(folder: Path, handler: str = "serve") -> Iterator[Emulated]:
    ports = free_ports(2)
    command = [
        str(emulator()),
        "--runtime-interface-emulator-address",
        f"127.0.0.1:{ports[0]}",
        "--runtime-api-address",
        f"127.0.0.1:{ports[1]}",
        str(WRAPPER),
        sys.executable,
        "/var/runtime/bootstrap.py",
    ]
    variables = runtime_app.variables(handler) | {
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "3",
        "LAMBDA_TASK_ROOT": str(runtime_app.REPOSITORY),
    }
    log = folder / "rie.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=variables, stdout=output, stderr=subprocess.STDOUT)
    try:
        await_port(process, ports[0], log)
        yield Emulated(port=ports[0], log=log)
    finally:
        process.terminate()  # then it also ends the runtime
        process.wait(START_SECONDS)


def free_ports(count: int) -> list[int]:
    found = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in found]
    for each in found:
        each.close()
    return ports


def await_port(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    ends = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < ends, log.read_text(errors="replace")
            time.sleep(LOOK_SECONDS)
        else:
            return


@pytest.fixture(scope="module")
def function(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    with emulated(tmp_path_factory.mktemp("rie")) as running:
        yield running


def split(answer: bytes) -> tuple[Any, bytes]:
    said, ended, body = answer.partition(b"\0" * 8)
    assert ended
    return parse_prelude(said), body


def test_prelude_and_body_arrive_one_invocation_after_another(function: Emulated) -> None:
    pids = set()
    for turn in range(20):
        status, answer = function.invoke("/echo", query=f"turn={turn}")
        prelude, body = split(answer)
        assert (status, prelude.status) == (200, 206)
        assert prelude.headers["content-type"] == "application/octet-stream"
        assert prelude.cookies == ("a=1; Path=/", "b=2")
        assert body == f"turn={turn}\n".encode() + runtime_app.PIECE
        pids.add(prelude.headers["x-pid"])
    assert len(pids) == 1


def test_megabytes_arrive(function: Emulated) -> None:
    _, answer = function.invoke("/large", query="bytes=5000000")
    _, body = split(answer)
    assert body == (runtime_app.PIECE * 77)[:5_000_000]


def test_an_error_is_reported_and_the_next_invocation_works(function: Emulated) -> None:
    _, answer = function.invoke("/broken", query="when=sooner")
    assert json.loads(answer)["errorType"] == "Penstock.Failed"
    _, answer = function.invoke("/echo")
    assert split(answer)[0].status == 206


def test_an_error_in_mid_stream_leaves_a_function_that_works(function: Emulated) -> None:
    """The emulator drops trailers: that the answer broke off can't be seen here."""
    _, answer = function.invoke("/broken", query="when=later")
    assert split(answer)[1] == b"begun"
    _, answer = function.invoke("/echo")
    assert split(answer)[0].status == 206


def test_an_answer_that_the_emulator_refuses_leaves_a_function_that_works(
    function: Emulated,
) -> None:
    _, answer = function.invoke("/large", query="bytes=7000000")
    assert json.loads(answer)["errorType"] == "Function.ResponseSizeTooLarge"
    _, answer = function.invoke("/echo")
    assert split(answer)[0].status == 206


def test_the_runtime_ends_its_answer_before_the_emulator_stops_it(function: Emulated) -> None:
    _, answer = function.invoke("/patient")
    assert split(answer)[1] == b"begun"
    _, answer = function.invoke("/echo")
    assert split(answer)[0].status == 206
    assert "timed out" not in function.log.read_text().lower()


def test_a_function_that_does_not_begin_says_so(tmp_path: Path) -> None:
    with emulated(tmp_path, "failing") as function:
        status, answer = function.invoke("/echo")
    assert status == 502
    assert json.loads(answer)["errorType"] == "Penstock.InitFailed"
    assert "what the log alone may tell" in function.log.read_text()
