"""The origin secret: calls without it are refused, and it is rotated without a gap."""

import secrets as random
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from tests.flows.edge_requests import ask
from tests.stand_ins import StandIn

from penstock.aws.origin import SECRET_HEADER, OriginSecrets, behind_edge
from penstock.aws.rotation import Step, rotate
from penstock.errors import SetupError

STEPS: tuple[Step, ...] = ("createSecret", "setSecret", "testSecret", "finishSecret")


class Clock:
    """A time that moves when it is told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Secret:
    """A secret of the test's own in Secrets Manager, and a distribution that sends it."""

    def __init__(self, server: StandIn) -> None:
        self.client = server.client("secretsmanager")
        self.cloudfront = server.client("cloudfront")
        self.id = f"origin-{random.token_hex(8)}"
        self.client.create_secret(Name=self.id, SecretString="first")
        self.distribution_id = self.cloudfront.create_distribution(
            DistributionConfig=distribution(self.id, sent="first")
        )["Distribution"]["Id"]

    def take(self, step: Step, token: str) -> None:
        rotate(
            self.client,
            self.cloudfront,
            distribution_id=self.distribution_id,
            secret_id=self.id,
            token=token,
            step=step,
        )

    def put_pending(self, value: str, token: str) -> None:
        """Give the secret a value that isn't current yet."""
        self.client.put_secret_value(
            SecretId=self.id,
            ClientRequestToken=token,
            SecretString=value,
            VersionStages=["AWSPENDING"],
        )

    def versions(self) -> dict[str, list[str]]:
        """The stages of each version."""
        described = self.client.describe_secret(SecretId=self.id)
        return dict(described["VersionIdsToStages"])

    def sent(self) -> str:
        """What the distribution sends."""
        config = self.cloudfront.get_distribution_config(Id=self.distribution_id)
        (origin,) = config["DistributionConfig"]["Origins"]["Items"]
        (header,) = origin["CustomHeaders"]["Items"]
        return str(header["HeaderValue"])


def distribution(reference: str, *, sent: str) -> dict[str, Any]:
    return {
        "CallerReference": reference,
        "Comment": "",
        "Enabled": True,
        "Origins": {
            "Quantity": 1,
            "Items": [
                {
                    "Id": "api",
                    "DomainName": "api.example",
                    "CustomHeaders": {
                        "Quantity": 1,
                        "Items": [{"HeaderName": "X-Origin-Secret", "HeaderValue": sent}],
                    },
                    "CustomOriginConfig": {
                        "HTTPPort": 80,
                        "HTTPSPort": 443,
                        "OriginProtocolPolicy": "https-only",
                    },
                }
            ],
        },
        "DefaultCacheBehavior": {
            "TargetOriginId": "api",
            "ViewerProtocolPolicy": "redirect-to-https",
        },
    }


@pytest.fixture
def secret(aws_server: StandIn) -> Secret:
    return Secret(aws_server)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def known(secret: Secret, clock: Clock) -> OriginSecrets:
    return OriginSecrets(secret.client, secret.id, clock=clock)


async def echo(scope: Scope, _receive: Receive, send: Send) -> None:
    names = b" ".join(name for name, _ in scope["headers"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": names})


def test_the_edges_calls_reach_the_app_without_the_secret(known: OriginSecrets) -> None:
    headers = {"host": "a.example", SECRET_HEADER: "first"}
    answered = ask(behind_edge(echo, known), "/v1/jobs", headers=headers)
    assert (answered.status, answered.body) == (200, b"host")


@pytest.mark.parametrize("sent", [None, "", "firs", "first ", "First"])
def test_a_direct_call_with_a_forged_host_is_a_403(known: OriginSecrets, sent: str | None) -> None:
    headers = {"x-tenant-host": "acme.example"}
    if sent is not None:
        headers[SECRET_HEADER] = sent
    answered = ask(behind_edge(echo, known), "/v1/jobs", headers=headers)
    assert answered.status == 403
    assert answered.problem["type"] == "urn:penstock:problem:forbidden"
    assert b"first" not in answered.body


def test_a_rotation_never_refuses_what_the_edge_sends(
    secret: Secret, known: OriginSecrets, clock: Clock
) -> None:
    token = random.token_hex(16)
    assert known.fits(secret.sent())
    for step in STEPS:
        secret.take(step, token)
        clock.seconds += 11
        assert known.fits("first"), step
        assert known.fits(secret.sent()), step
    assert secret.sent() != "first"
    current = secret.client.get_secret_value(SecretId=secret.id, VersionStage="AWSCURRENT")
    assert current["SecretString"] == secret.sent()


def test_after_two_rotations_the_first_value_is_refused(
    secret: Secret, known: OriginSecrets, clock: Clock
) -> None:
    for _ in range(2):
        token = random.token_hex(16)
        for step in STEPS:
            secret.take(step, token)
    clock.seconds += 301
    assert known.fits(secret.sent())
    assert not known.fits("first")


def test_a_step_that_is_taken_twice_changes_nothing_more(secret: Secret) -> None:
    token = random.token_hex(16)
    sent = []
    for step in STEPS:
        for _ in range(2):
            secret.take(step, token)
            sent.append(secret.sent())
    assert len(set(sent)) == 2
    assert sent[2:] == [secret.sent()] * 6


def test_the_new_value_is_not_made_current_before_the_edge_sends_it(secret: Secret) -> None:
    token = random.token_hex(16)
    secret.take("createSecret", token)
    with pytest.raises(SetupError, match="does not send"):
        secret.take("testSecret", token)


def test_a_rotation_that_is_set_up_and_not_begun_is_tested_with_what_is_sent_now(
    secret: Secret,
) -> None:
    token = random.token_hex(16)
    before = secret.versions()
    secret.take("testSecret", token)
    assert secret.sent() == "first"
    assert secret.versions() == before


def test_a_version_that_has_the_current_value_is_what_is_sent_now(secret: Secret) -> None:
    token = random.token_hex(16)
    secret.put_pending("first", token)
    secret.take("testSecret", token)


def test_setting_up_a_rotation_notices_a_distribution_that_sends_another_value(
    secret: Secret,
) -> None:
    secret.client.put_secret_value(SecretId=secret.id, SecretString="second")
    with pytest.raises(SetupError, match="does not send the current secret"):
        secret.take("testSecret", random.token_hex(16))


def test_a_rotation_whose_second_step_failed_does_not_pass_for_one_that_is_set_up(
    secret: Secret,
) -> None:
    token = random.token_hex(16)
    secret.put_pending("second", token)
    with pytest.raises(SetupError, match="does not send the new secret"):
        secret.take("testSecret", token)


def test_what_can_not_be_read_is_trusted_no_longer(aws_server: StandIn, clock: Clock) -> None:
    secret = Secret(aws_server)
    known = OriginSecrets(secret.client, secret.id, clock=clock)
    assert known.fits("first")
    secret.client.delete_secret(SecretId=secret.id, ForceDeleteWithoutRecovery=True)
    assert known.fits("first")
    clock.seconds += 301
    assert not known.fits("first")


def test_guesses_do_not_each_ask_for_the_secret_again(
    secret: Secret, known: OriginSecrets, clock: Clock
) -> None:
    asked: list[object] = []
    secret.client.meta.events.register("before-call.*", lambda **facts: asked.append(facts))
    for _ in range(50):
        assert not known.fits("guess")
    assert len(asked) <= 3
    clock.seconds += 11
    assert not known.fits("guess")
    assert len(asked) <= 6
