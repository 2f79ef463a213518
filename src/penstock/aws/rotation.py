"""Rotation of the origin secret: the four steps that Secrets Manager asks for, in this order.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

from typing import Any, Literal

from penstock.aws.origin import SECRET_HEADER
from penstock.errors import SetupError

Step = Literal["createSecret", "setSecret", "testSecret", "finishSecret"]

_CHARACTERS = 64


def rotate(
    secrets: Any, cloudfront: Any, *, distribution_id: str, secret_id: str, token: str, step: Step
) -> None:
    """Take one step towards the secret's version `token`; taken twice, a step changes nothing more.

    The new value is made, given to the distribution (whose places take it up within minutes),
    looked for there, and made the current one; the old one counts until the next rotation.

    testSecret is also asked for alone, where a rotation is set up and not begun: its version has no
    value, and what the distribution has to send is the current one
    (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html,
    RotateImmediately).

    Raises SetupError if the distribution has no origin that sends the secret, or doesn't send the
    one that it has to.
    """
    match step:
        case "createSecret":
            _create(secrets, secret_id, token)
        case "setSecret":
            _send(cloudfront, distribution_id, _pending(secrets, secret_id, token))
        case "testSecret":
            config = cloudfront.get_distribution_config(Id=distribution_id)["DistributionConfig"]
            which, value = _expected(secrets, secret_id, token)
            if any(header["HeaderValue"] != value for header in _headers(config)):
                raise SetupError(
                    f"Distribution {distribution_id} does not send the {which} secret yet."
                )
        case "finishSecret":
            _finish(secrets, secret_id, token)


def _create(secrets: Any, secret_id: str, token: str) -> None:
    try:
        _pending(secrets, secret_id, token)
    except secrets.exceptions.ResourceNotFoundException:
        made = secrets.get_random_password(PasswordLength=_CHARACTERS, ExcludePunctuation=True)
        secrets.put_secret_value(
            SecretId=secret_id,
            ClientRequestToken=token,
            SecretString=made["RandomPassword"],
            VersionStages=["AWSPENDING"],
        )


def _pending(secrets: Any, secret_id: str, token: str) -> str:
    answer = secrets.get_secret_value(
        SecretId=secret_id, VersionId=token, VersionStage="AWSPENDING"
    )
    return str(answer["SecretString"])


def _expected(secrets: Any, secret_id: str, token: str) -> tuple[Literal["new", "current"], str]:
    """Give the value that the distribution has to send by now."""
    try:
        return "new", _pending(secrets, secret_id, token)
    except secrets.exceptions.ResourceNotFoundException:
        # No rotation's own: that one has a value from its first step on.
        current = secrets.get_secret_value(SecretId=secret_id, VersionStage="AWSCURRENT")
        return "current", str(current["SecretString"])


def _send(cloudfront: Any, distribution_id: str, value: str) -> None:
    found = cloudfront.get_distribution_config(Id=distribution_id)
    config = found["DistributionConfig"]
    headers = _headers(config)
    if all(header["HeaderValue"] == value for header in headers):
        return
    for header in headers:
        header["HeaderValue"] = value
    cloudfront.update_distribution(
        Id=distribution_id, IfMatch=found["ETag"], DistributionConfig=config
    )


def _headers(config: dict[str, Any]) -> list[dict[str, str]]:
    """Give the headers of the distribution's origins that carry the secret, as they stand there."""
    found = [
        header
        for origin in config["Origins"]["Items"]
        for header in origin.get("CustomHeaders", {}).get("Items", [])
        if header["HeaderName"].lower() == SECRET_HEADER
    ]
    if not found:
        raise SetupError(f"No origin of the distribution sends {SECRET_HEADER}.")
    return found


def _finish(secrets: Any, secret_id: str, token: str) -> None:
    versions = secrets.describe_secret(SecretId=secret_id)["VersionIdsToStages"]
    current = next((id_ for id_, stages in versions.items() if "AWSCURRENT" in stages), None)
    if current == token:
        return
    moved = {"RemoveFromVersionId": current} if current is not None else {}
    secrets.update_secret_version_stage(
        SecretId=secret_id, VersionStage="AWSCURRENT", MoveToVersionId=token, **moved
    )
