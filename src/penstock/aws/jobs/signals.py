"""Signals of a stack's jobs: by way of a Redis where one is set, else none."""

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

from penstock.aws.services.clients import Clients
from penstock.aws.services.parameters import Parameters
from penstock.errors import SetupError
from penstock.ports import JobPorts, Signals
from penstock.settings import JobSettings
from penstock.signals.hinted_events import HintedEvents
from penstock.signals.redis_place import RedisPlace, redis_place
from penstock.signals.redis_signals import RedisSignals
from penstock.signals.silent import SILENT


@contextmanager
def stack_signals(
    settings: JobSettings, clients: Clients, *, wait_seconds: float = 0
) -> Iterator[Signals]:
    """Give the signals of a stack to the body; nothing is looked up before they are used.

    `wait_seconds` is for a function that tells and then answers: it is frozen once it has.
    """
    name = settings.redis_parameter
    if not name:
        yield SILENT
        return
    parameters = Parameters(clients.of("ssm"), environment=settings.environment)

    def place() -> RedisPlace:
        url = parameters.get(name, decrypted=True)
        if url is None:
            raise SetupError(f"There is no parameter {parameters.full_name(name)}.")
        return redis_place(url)

    signals = RedisSignals(
        place,
        # A stage's name alone may be that of another account's, too; the table's is made up.
        scope=f"{settings.environment}:{settings.jobs_table}",
        report=logging.getLogger("penstock.jobs").warning,
        wait_seconds=wait_seconds,
    )
    with closing(signals):
        yield signals


def with_hints(ports: JobPorts, signals: Signals) -> JobPorts:
    """Have workers told of each request to cancel; sockets hear of events by the bus."""
    return replace(ports, publisher=HintedEvents(ports.publisher, signals, audiences=("workers",)))
