"""A streaming function's handler that serves a folder of this machine, as `penstock serve` does."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.types import ASGIApp

from penstock.local.compose import compose
from penstock.local.opened_store import ServedPath
from penstock.settings import Settings
from penstock.web.app import create_app

FOLDER_VARIABLE = "BENCH_SERVED_FOLDER"


@contextmanager
def download() -> Iterator[ASGIApp]:
    """Give the app over the folder that the environment names, and the home of PENSTOCK_HOME."""
    served = ServedPath(path=Path(os.environ[FOLDER_VARIABLE]), demo=False)
    with compose(Settings(), served) as resources:
        yield create_app(resources)
