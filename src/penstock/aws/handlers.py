"""Handlers: entry points of the download function and of the origin secret's rotation."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.types import ASGIApp

from penstock.aws.compose import compose
from penstock.aws.logs.lines import log_as_json
from penstock.aws.rotation import rotate
from penstock.aws.services.clients import Clients
from penstock.settings import AwsSettings, RotationSettings, from_environment
from penstock.web.downloading_app import create_downloading_app


@contextmanager
def download() -> Iterator[ASGIApp]:
    """Give the app that the streaming loop serves (DownloadFunction)."""
    settings = from_environment(AwsSettings)
    log_as_json(service=settings.service)
    with compose(settings, Clients()) as resources:
        yield create_downloading_app(resources)


def rotate_origin_secret(event: dict[str, Any], _context: Any) -> None:
    """Take one step of a rotation (RotateOriginSecretFunction)."""
    clients = Clients()
    rotate(
        clients.of("secretsmanager"),
        clients.of("cloudfront"),
        distribution_id=from_environment(RotationSettings).distribution_id,
        secret_id=event["SecretId"],
        token=event["ClientRequestToken"],
        step=event["Step"],
    )
