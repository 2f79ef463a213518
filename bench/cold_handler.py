"""The download function's handler, step by step, with the time of each step on standard error."""

import sys
import time

BEGUN = time.perf_counter()

from collections.abc import Iterator  # noqa: E402 - the time comes first
from contextlib import contextmanager  # noqa: E402 - the same

from starlette.types import ASGIApp  # noqa: E402 - the same

import penstock.aws.handlers  # noqa: E402, F401 - what a function's handler brings along
from penstock.aws.compose import compose  # noqa: E402 - the same
from penstock.aws.logs.lines import log_as_json  # noqa: E402 - the same
from penstock.aws.services.clients import Clients  # noqa: E402 - the same
from penstock.settings import AwsSettings, from_environment  # noqa: E402 - the same
from penstock.web.downloading_app import create_downloading_app  # noqa: E402 - the same

IMPORTED = time.perf_counter()

MARK = "stages of a start:"


@contextmanager
def download() -> Iterator[ASGIApp]:
    """Give the same app as penstock.aws.handlers.download."""
    settings, clients = from_environment(AwsSettings), Clients()
    log_as_json(service=settings.service)
    for service in ("s3", "ssm", "dynamodb"):
        clients.of(service)
    with_clients = time.perf_counter()
    with compose(settings, clients) as resources:
        composed = time.perf_counter()
        app = create_downloading_app(resources)
        times = BEGUN, IMPORTED, with_clients, composed, time.perf_counter()
        print(MARK, *(f"{each:.6f}" for each in times), file=sys.stderr, flush=True)
        yield app
