"""Requests that X-Ray samples reach its daemon, as parts of their own invocations."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

_SECONDS = 30
TRACE = "1-5759e988-bd862e3fe1be46a994272793"

# The library finds the daemon when it is imported: each case is a process of its own.
PROGRAM = """
import sys, time
from penstock.aws.logs.traces import traces
from penstock.web.front.access_log import RequestRecord
record = RequestRecord(
    method="GET", path="/area.csv", tenant="acme", dataset=sys.argv[1], format="csv"
)
record.saw({"type": "http.response.start", "status": int(sys.argv[2]), "headers": []})
record.saw({"type": "http.response.body", "body": b"12345", "more_body": sys.argv[3] == "broken"})
record.problem = "busy" if sys.argv[3] == "broken" else None
record.rows = 7
record.close()
traces(service="download")(record)
print("loaded" if "aws_xray_sdk" in sys.modules else "not loaded")
"""


@pytest.fixture
def daemon() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(_SECONDS)
        yield listening


def run(
    daemon: socket.socket, *, sampled: bool, status: int = 200, end: str = "", dataset: str = "area"
) -> str:
    environment = {
        "LAMBDA_TASK_ROOT": "/var/task",
        "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{daemon.getsockname()[1]}",
        "_X_AMZN_TRACE_ID": f"Root={TRACE};Parent=53995c3f42cd8ad8;Sampled={sampled:d}",
    }
    command = [sys.executable, "-c", PROGRAM, dataset, str(status), end]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, timeout=_SECONDS
    )
    return done.stdout.strip()


def received(daemon: socket.socket) -> dict[str, Any]:
    """Receive the two parts that are sent of a request: gives the request, its first byte in it."""
    first_byte, request = _part(daemon), _part(daemon)
    assert (first_byte["name"], request["name"]) == ("first byte", "request")
    assert first_byte["parent_id"] == request["id"]
    return {**request, "first_byte": first_byte}


def _part(daemon: socket.socket) -> dict[str, Any]:
    header, _, body = daemon.recv(65_536).partition(b"\n")
    assert json.loads(header) == {"format": "json", "version": 1}
    found: dict[str, Any] = json.loads(body)
    assert found["trace_id"] == TRACE
    return found


def test_a_sampled_request_is_a_part_of_its_invocation(daemon: socket.socket) -> None:
    run(daemon, sampled=True)
    request = received(daemon)
    assert request["parent_id"] == "53995c3f42cd8ad8"
    assert request["annotations"] == {
        "service": "download",
        "tenant": "acme",
        "dataset": "area",
        "format": "csv",
        "status": 200,
        "outcome": "complete",
    }
    assert request["metadata"]["default"] == {"rows": 7, "bytes": 5}
    first_byte = request["first_byte"]
    assert (
        request["start_time"]
        == first_byte["start_time"]
        <= first_byte["end_time"]
        <= request["end_time"]
    )


def test_a_request_that_is_not_sampled_loads_nothing(daemon: socket.socket) -> None:
    assert run(daemon, sampled=False) == "not loaded"
    daemon.setblocking(False)
    with pytest.raises(BlockingIOError):
        daemon.recv(1)


@pytest.mark.parametrize(
    ("status", "end", "flag"), [(500, "", "fault"), (200, "broken", "fault"), (404, "", "error")]
)
def test_what_went_wrong_is_marked(daemon: socket.socket, status: int, end: str, flag: str) -> None:
    run(daemon, sampled=True, status=status, end=end)
    assert received(daemon)[flag] is True


def test_a_key_in_a_path_is_not_told(daemon: socket.socket) -> None:
    secret = "s" * 43
    run(daemon, sampled=True, dataset=f"pk_abcdefgh_{secret}")
    assert secret not in json.dumps(received(daemon))
