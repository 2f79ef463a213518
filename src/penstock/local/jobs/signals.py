"""Signals of a home's jobs: by way of a Redis where one is set, else none."""

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from penstock.local.installation import installation_of
from penstock.ports import Signals
from penstock.settings import Settings
from penstock.signals.redis_place import redis_place
from penstock.signals.redis_signals import RedisSignals
from penstock.signals.silent import SILENT


@contextmanager
def local_signals(settings: Settings, home: Path) -> Iterator[Signals]:
    """Give the signals of a home to the body; nothing is connected before they are used.

    Raises SetupError if the URL is none; whether a Redis is there doesn't matter here.
    """
    if not settings.redis_url:
        yield SILENT
        return
    place = redis_place(settings.redis_url)
    signals = RedisSignals(
        lambda: place,
        scope=installation_of(home),
        report=logging.getLogger("penstock.jobs").warning,
    )
    with closing(signals):
        yield signals
