"""Exporting: an export of the service becomes a whole, checked file."""

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from penstock.client.calls import Calls
from penstock.client.fetching import fetch
from penstock.client.job_words import ending_of
from penstock.client.jobs import Jobs
from penstock.client.outcome import Downloaded
from penstock.client.watching import watch
from penstock.client.wish import PLAIN_WISH, Wish
from penstock.errors import TransferError


def export(
    url: str,
    type_name: str,
    params: Mapping[str, object] | None = None,
    *,
    format: str = "csv",  # noqa: A002 - the grammar's own word
    to: Path | None = None,
    wish: Wish = PLAIN_WISH,
) -> Downloaded:
    """Have the service at `url` make an export, wait for it, and make a file of its result.

    Parameters are what JSON holds; dates, times, decimals and UUIDs become text. `to` is as in
    `download`. Whatever breaks off meanwhile, one job is made.

    Raises SetupError where nothing can be begun, TransferError where the service refuses, the job
    doesn't end well, or its result can't be had.
    """
    with Calls(url, wish=wish) as calls:
        jobs = Jobs(calls)
        begun = jobs.export(type_name, {name: _json(it) for name, it in (params or {}).items()})
        job = deque(watch(jobs, [begun], patience=wish.patience), maxlen=1)[0]
        if not job.went_well:
            raise TransferError(f"{ending_of(job)}.", job=job.id, state=job.state)
        # As a whole path none is taken for standard output.
        return fetch(jobs, job.id, format, str(Path.cwd() / (to or "")), wish=wish)


def _json(value: object) -> Any:
    match value:
        case date() | time():
            return value.isoformat()
        case Decimal() | UUID():
            return str(value)
        case str() | bytes():
            return value
        case Mapping():
            return {str(name): _json(item) for name, item in value.items()}
        case Sequence() | set() | frozenset():
            return [_json(item) for item in value]
        case _:
            return value
