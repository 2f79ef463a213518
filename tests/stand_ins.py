"""Servers that stand in for AWS on this machine: SeaweedFS for S3, moto for what has no other."""

import json
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

REGION = "eu-west-2"
ACCESS_KEY = "AKIDSTANDIN"
SECRET_KEY = "stand-in-secret"

_MOTO = Path(__file__).with_name("moto_in_turn.py")
_START_SECONDS = 60
_LOOK_SECONDS = 0.05
_SEAWEED_PORTS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port",
    "s3.port.grpc",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """A running server at `endpoint`, which takes ACCESS_KEY and SECRET_KEY in REGION."""

    endpoint: str

    def client(self, service: str) -> Any:
        """Make a client of one of its services."""
        return client_of(service, self.endpoint)

    @property
    def variables(self) -> dict[str, str]:
        """The variables by which a process of its own finds it, and looks nowhere else."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def client_of(service: str, endpoint: str) -> Any:
    """Make a botocore client of a service at an endpoint."""
    return botocore.session.get_session().create_client(
        service,
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )


@contextmanager
def seaweed(folder: Path) -> Iterator[StandIn]:
    """Run SeaweedFS, a real S3 server, with its data below `folder`."""
    ports = dict(zip(_SEAWEED_PORTS, _free_ports(len(_SEAWEED_PORTS)), strict=True))
    config = folder / "s3.json"
    credentials = {"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    identity = {"name": "stand-in", "credentials": [credentials], "actions": actions}
    config.write_text(json.dumps({"identities": [identity]}))
    command = [
        str(Path(sysconfig.get_path("scripts")) / "weed"),
        "server",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-filer",
        "-s3",
        f"-s3.config={config}",
        "-s3.iam=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.volumeSizeLimitMB=100",
        # Each bucket takes some of its own.
        "-volume.max=2000",
        *(f"-{name}={port}" for name, port in ports.items()),
    ]
    server = StandIn(endpoint=f"http://127.0.0.1:{ports['s3.port']}")

    def is_up() -> None:
        s3 = server.client("s3")
        known = s3.exceptions
        # Where it was started on what an earlier one left.
        with suppress(known.BucketAlreadyExists, known.BucketAlreadyOwnedByYou):
            s3.create_bucket(Bucket="is-it-up")
        s3.put_object(Bucket="is-it-up", Key="yes", Body=b"yes")

    with _running(command, folder / "seaweed.log", is_up):
        yield server


@contextmanager
def moto(folder: Path) -> Iterator[StandIn]:
    """Run moto's server: SSM, DynamoDB, Secrets Manager and more, kept in memory."""
    (port,) = _free_ports(1)
    command = [sys.executable, str(_MOTO), str(port)]
    server = StandIn(endpoint=f"http://127.0.0.1:{port}")
    with _running(command, folder / "moto.log", lambda: server.client("ssm").describe_parameters()):
        yield server


@contextmanager
def _running(command: list[str], log: Path, look: Callable[[], object]) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        _await(process, log, look)
        yield
    finally:
        # Nothing it holds is kept, and a clean end would take it half a minute.
        process.kill()
        process.wait()


def _await(process: "subprocess.Popen[bytes]", log: Path, look: Callable[[], object]) -> None:
    ends = time.monotonic() + _START_SECONDS
    while True:
        try:
            look()
        except (BotoCoreError, ClientError, OSError) as error:
            if process.poll() is not None or time.monotonic() > ends:
                shown = log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{process.args!r} did not start:\n{shown}") from error
            time.sleep(_LOOK_SECONDS)
        else:
            return


def _free_ports(count: int) -> list[int]:
    """Find ports that nobody uses just now."""
    found = [socket.socket() for _ in range(count)]
    for each in found:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in found]
    for each in found:
        each.close()
    return ports
