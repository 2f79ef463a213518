"""The program that the Lambda Web Adapter runs: it serves the app on the port that is called."""

import os
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
from tests.stand_ins import ACCESS_KEY, REGION, SECRET_KEY

_SOURCE = Path(__file__).parents[3] / "src"
_START_SECONDS = 60
_LOOK_SECONDS = 0.05


@contextmanager
def adapted_function(tmp_path: Path) -> Iterator[int]:
    """Run the handler as the adapter would; gives the port, once it is listened on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    variables = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LAMBDA_TASK_ROOT": str(_SOURCE),
        "PENSTOCK_LAYERS": sysconfig.get_path("purelib"),
        "TMPDIR": str(tmp_path),
        "AWS_LWA_PORT": str(port),
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "DATASET_BUCKET": "none-is-asked",
        "PENSTOCK_KEYS_TABLE": "none-is-asked",
        "PENSTOCK_RECEIPTS_TABLE": "none-is-asked",
        "PENSTOCK_TRUSTED_EDGE": "true",
    }
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [_SOURCE / "penstock/aws/web-adapter"], env=variables, stdout=output, stderr=output
        )
    try:
        _await(process, port, log)
        yield port
        process.terminate()
        process.wait(_START_SECONDS)
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(sys.platform == "win32", reason="it is a program of a shell")
def test_the_adapter_finds_the_app_healthy_and_hosts_that_are_nobodys_unknown(
    tmp_path: Path,
) -> None:
    with adapted_function(tmp_path) as port:
        status, kind = _get(port, "/a.csv", {"X-Tenant-Host": "[::1]"})
        assert (status, kind) == (404, "application/problem+json")


def _get(port: int, path: str, headers: dict[str, str]) -> tuple[int, str | None]:
    connection = HTTPConnection("127.0.0.1", port, timeout=_START_SECONDS)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.getheader("content-type")
    finally:
        connection.close()


def _await(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    ends = time.monotonic() + _START_SECONDS
    while True:
        try:
            if _get(port, "/-/healthz", {})[0] == 200:
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > ends:
                pytest.fail(f"it did not start:\n{log.read_text(errors='replace')}")
            time.sleep(_LOOK_SECONDS)
