"""The checks of tests/aws on the bucket and on the origin secret, sound and with their faults."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.aws.checks import objects, rotation
from tests.aws.doors import Door, opened
from tests.aws.findings import CheckFailedError
from tests.aws.tables import as_parquet, noise_table
from tests.aws_tables import client_of
from tests.flows.edge_requests import Answered, ask
from tests.flows.stack_on_stand_ins import (
    HOST,
    ORIGIN_SECRET,
    Stack,
    made_stack,
    put_object,
    sent_by_edge,
)
from tests.stand_ins import StandIn

from penstock.aws.compose import compose
from penstock.aws.origin import SECRET_HEADER, OriginSecrets, behind_edge
from penstock.aws.rotation import Step, rotate
from penstock.aws.services.clients import Clients
from penstock.settings import AwsSettings, from_environment
from penstock.web.app import create_app

PATH = "/noise.parquet"
NOISE = as_parquet(noise_table(40_000))
STEPS: tuple[Step, ...] = ("createSecret", "setSecret", "testSecret", "finishSecret")

Answering = Callable[[httpx.Request], Answered]


@contextmanager
def door_to(answering: Answering) -> Iterator[Door]:
    """Open the door to an edge that answers so."""

    def answer(request: httpx.Request) -> httpx.Response:
        answered = answering(request)
        stream = httpx.ByteStream(answered.body)
        return httpx.Response(answered.status, headers=answered.headers, stream=stream)

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        yield Door(url="https://edge.example", client=client)


@pytest.fixture
def stack(s3_server: StandIn, aws_server: StandIn) -> Stack:
    return made_stack(s3_server, aws_server)


# The bucket.


@pytest.fixture
def app(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[ASGIApp]:
    put_object(stack, "acme/datasets/noise.parquet", NOISE)
    for name, value in stack.variables.items():
        monkeypatch.setenv(name, value)
    with compose(from_environment(AwsSettings), Clients()) as resources:
        yield create_app(resources)


def opens(
    app: ASGIApp, bucket: str, *, wire_bytes: int | None = 1000, truth: bytes = NOISE, **swaps: str
) -> str:
    """Check the app as an edge gives its answers, with these texts in place of others."""

    def answered(request: httpx.Request) -> Answered:
        target = request.url.raw_path.decode()
        found = ask(app, target, headers={"x-tenant-host": HOST}, wire_bytes=wire_bytes)
        body, headers = found.body.decode("latin-1"), dict(found.headers)
        for old, new in swaps.items():
            body = body.replace(old, new)
            headers["location"] = headers.get("location", "").replace(old, new)
        return Answered(
            status=found.status, headers=headers, body=body.encode("latin-1"), whole=found.whole
        )

    with door_to(answered) as edge, opened(bucket) as there:
        return objects.a_large_file_has_its_own_url(edge, there, PATH, truth=truth)


def test_a_url_that_opens_passes(app: ASGIApp, stack: Stack) -> None:
    size = len(NOISE)
    assert opens(app, stack.s3.endpoint) == f"bytes {size - 8}-{size - 1}/{size}"


def test_a_file_that_fits_tells_nothing_of_its_url(app: ASGIApp, stack: Stack) -> None:
    with pytest.raises(CheckFailedError, match="is answered with 200"):
        opens(app, stack.s3.endpoint, wire_bytes=None)


def test_a_url_of_another_host_is_found(app: ASGIApp) -> None:
    with pytest.raises(CheckFailedError, match=r"is not in https://store\.s3\.eu-west-2\."):
        opens(app, "https://store.s3.eu-west-2.amazonaws.com")


def test_a_url_that_does_not_open_is_found(app: ASGIApp, stack: Stack) -> None:
    with pytest.raises(CheckFailedError, match=": it doesn't open"):
        opens(app, stack.s3.endpoint, Signature="Signatura")


def test_an_answer_without_a_url_is_found(app: ASGIApp, stack: Stack) -> None:
    with pytest.raises(CheckFailedError, match="No URL is not in"):
        opens(app, stack.s3.endpoint, object_url="other_url")


def test_another_file_behind_the_url_is_found(app: ASGIApp, stack: Stack) -> None:
    with pytest.raises(CheckFailedError, match="has another end"):
        opens(app, stack.s3.endpoint, truth=NOISE[:-1])
    with pytest.raises(CheckFailedError, match="is told as"):
        opens(app, stack.s3.endpoint, truth=b"more" + NOISE)


# The origin secret.

Fault = Literal["denied", "undone", "unknown"]


@dataclass(slots=True)
class SecretsManager:
    """Secrets Manager that calls the function: between two looks at a secret, it takes a step.

    `denied`: CloudFront refuses the change. `undone`: somebody changes it back at once.
    """

    stack: Stack
    fault: Fault | None
    token: str = ""
    taken: int = 0

    @property
    def client(self) -> Any:
        return client_of(self.stack.aws, "secretsmanager")

    @property
    def cloudfront(self) -> Any:
        return client_of(self.stack.aws, "cloudfront")

    def rotate_secret(self, **_asked: str) -> dict[str, str]:
        self.token = "0123456789abcdef0123456789abcdef"
        return {"VersionId": self.token}

    def describe_secret(self, **asked: str) -> Any:
        self._take_a_step()
        return self.client.describe_secret(**asked)

    def get_secret_value(self, **asked: str) -> Any:
        return self.client.get_secret_value(**asked)

    def _take_a_step(self) -> None:
        if self.taken == len(STEPS) or (self.fault == "denied" and self.taken == 1):
            return
        rotate(
            self.client,
            self.cloudfront,
            distribution_id=self.stack.distribution,
            secret_id=self.stack.secret_arn,
            token=self.token,
            step=STEPS[self.taken],
        )
        self.taken += 1
        if self.fault == "undone" and self.taken == len(STEPS):
            self._send_again(ORIGIN_SECRET)

    def _send_again(self, value: str) -> None:
        found = self.cloudfront.get_distribution_config(Id=self.stack.distribution)
        config = found["DistributionConfig"]
        config["Origins"]["Items"][0]["CustomHeaders"]["Items"][0]["HeaderValue"] = value
        self.cloudfront.update_distribution(
            Id=self.stack.distribution, IfMatch=found["ETag"], DistributionConfig=config
        )


async def nothing_there(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps({}).encode()})


def rotated(stack: Stack, fault: Fault | None = None) -> str:
    """Check a rotation, with the guard of the JSON API behind an edge that sends what it has to."""
    secrets = SecretsManager(stack, fault)
    seconds = iter(range(0, 1_000_000, 60))
    known = OriginSecrets(secrets.client, stack.secret_arn, clock=lambda: float(next(seconds)))

    def answered(_request: httpx.Request) -> Answered:
        sent = sent_by_edge(stack)
        if fault == "unknown" and sent != ORIGIN_SECRET:
            sent = "another"
        return ask(behind_edge(nothing_there, known), "/v1/jobs", headers={SECRET_HEADER: sent})

    with door_to(answered) as edge:
        return rotation.is_rotated(
            secrets,
            secrets.cloudfront,
            edge,
            secret=stack.secret_arn,
            distribution=stack.distribution,
            patience_seconds=0.5 if fault == "denied" else 60,
            settling_seconds=0.01,
            look_seconds=0.01,
        )


def test_a_rotation_without_a_gap_passes(stack: Stack) -> None:
    assert "none refused" in rotated(stack)
    assert sent_by_edge(stack) != ORIGIN_SECRET


@pytest.mark.parametrize(
    ("fault", "finding"),
    [
        ("denied", r"isn't rotated within 0.5 s: its versions are \[\['AWSCURRENT'\], \['AWSPE"),
        ("undone", "doesn't send the value that is current"),
        ("unknown", "is answered with 403: its secret isn't known"),
    ],
)
def test_a_rotation_that_went_otherwise_is_found(stack: Stack, fault: Fault, finding: str) -> None:
    with pytest.raises(CheckFailedError, match=finding) as found:
        rotated(stack, fault)
    assert ORIGIN_SECRET not in str(found.value)
