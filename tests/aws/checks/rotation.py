"""Rotation: the edge gets a new secret, and no call through it is refused meanwhile."""

import time
from typing import Any

from tests.aws.doors import Door
from tests.aws.findings import require

_FORBIDDEN = 403
_SERVER_ERROR = 500
_PATH = "/v1/jobs"
_HEADER = "x-origin-secret"


def is_rotated(
    secrets: Any,
    cloudfront: Any,
    edge: Door,
    *,
    secret: str,
    distribution: str,
    patience_seconds: float = 300,
    settling_seconds: float = 120,
    look_seconds: float = 3,
) -> str:
    """Have the origin secret rotated, and call the JSON API through the edge all the while.

    It goes on for as long as CloudFront takes to tell all its places: some send the old value until
    then. Gives what happened; no value is ever told.

    Raises CheckFailedError.
    """
    _gets_through(edge)
    began = time.monotonic()
    version = secrets.rotate_secret(SecretId=secret)["VersionId"]
    calls = 1
    while (stages := secrets.describe_secret(SecretId=secret)["VersionIdsToStages"]) and (
        "AWSCURRENT" not in stages.get(version, [])
    ):
        _gets_through(edge)
        calls += 1
        require(
            time.monotonic() - began < patience_seconds,
            f"The secret isn't rotated within {patience_seconds:g} s: its versions are "
            f"{sorted(stages.values())}, and the function's log says why.",
        )
        time.sleep(look_seconds)
    took = time.monotonic() - began
    value = secrets.get_secret_value(SecretId=secret, VersionStage="AWSCURRENT")["SecretString"]
    config = cloudfront.get_distribution_config(Id=distribution)["DistributionConfig"]
    sent = {
        header["HeaderValue"]
        for origin in config["Origins"]["Items"]
        for header in origin.get("CustomHeaders", {}).get("Items", [])
        if header["HeaderName"].lower() == _HEADER
    }
    require(sent == {value}, "The distribution doesn't send the value that is current now.")
    settled = time.monotonic() + settling_seconds
    while time.monotonic() < settled:
        _gets_through(edge)
        calls += 1
        time.sleep(look_seconds)
    return f"rotated in {took:.0f} s; {calls} calls through the edge, none refused"


def _gets_through(edge: Door) -> None:
    answer = edge.ask(_PATH)
    require(
        answer.status != _FORBIDDEN and answer.status < _SERVER_ERROR,
        f"Through the edge, {_PATH} is answered with {answer.status}: its secret isn't known.",
    )
