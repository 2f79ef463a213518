"""Exporting: an export of the service becomes a whole, checked file, or a stream of its bytes."""

from collections import deque
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from penstock.client.calls import Calls
from penstock.client.fetching import fetch
from penstock.client.job_words import ending_of
from penstock.client.jobs import Jobs, Looked
from penstock.client.outcome import Downloaded
from penstock.client.seen import SeenJob
from penstock.client.stream import stream
from penstock.client.watching import watch
from penstock.client.wish import PLAIN_WISH, Wish
from penstock.errors import TransferError


def export(
    url: str,
    type_name: str,
    params: Mapping[str, object] | None = None,
    *,
    format: str = "csv",  # noqa: A002 - the grammar's own word
    formats: Sequence[str] = (),
    to: Path | None = None,
    wish: Wish = PLAIN_WISH,
) -> Downloaded:
    """Have the service at `url` make an export, wait for it, and make a file of its result.

    The job writes its result as one file in this format, so that it may have any size, and in each
    of `formats`, which stay with the job (`Downloaded.job_id`) for whoever wants them later.
    Parameters are what JSON holds; dates, times, decimals and UUIDs become text. `to` is as in
    `download`. Whatever breaks off meanwhile, one job is made.

    Raises SetupError where nothing can be begun, TransferError where the service refuses, the job
    doesn't end well, or its result can't be had.
    """
    with Calls(url, wish=wish) as calls:
        jobs = Jobs(calls)
        job_id = _made(jobs, type_name, params, formats=(format, *formats), wish=wish)
        done = fetch(
            jobs,
            job_id,
            format,
            # As a whole path none is taken for standard output.
            str(Path.cwd() / (to or "")),
            wish=wish,
            finish=lambda further: _finished(jobs, further, wish),
        )
        return replace(done, job_id=job_id)


def exported(
    url: str,
    type_name: str,
    params: Mapping[str, object] | None = None,
    *,
    format: str,  # noqa: A002 - the grammar's own word
    wish: Wish = PLAIN_WISH,
) -> Generator[bytes, None, Downloaded]:
    """Have the service at `url` make an export, wait for it, and yield its result's bytes.

    The export is made when the first piece is asked for. Otherwise as `export` and `stream` do; who
    takes longer than the minutes that its URL is open must not be broken off behind them.
    """
    with Calls(url, wish=wish) as calls:
        jobs = Jobs(calls)
        job_id = _made(jobs, type_name, params, formats=(format,), wish=wish)
        file = jobs.result(job_id).files.get(format)
    if file is None:
        raise TransferError(f"The service wrote no {format} of this export.", job=job_id)
    # The URL is signed, and may lead elsewhere: no key goes with it.
    done = yield from stream(file.url, wish=replace(wish, key=None, sha256=file.sha256))
    return replace(done, job_id=job_id)


def _made(
    jobs: Jobs,
    type_name: str,
    params: Mapping[str, object] | None,
    *,
    formats: Sequence[str],
    wish: Wish,
) -> str:
    begun = jobs.export(
        type_name,
        {name: _json(it) for name, it in (params or {}).items()},
        formats=tuple(dict.fromkeys(formats)),
    )
    job = _finished(jobs, begun, wish)
    if not job.went_well:
        raise TransferError(f"{ending_of(job)}.", job=job.id, state=job.state)
    return job.id


def _finished(jobs: Jobs, begun: Looked, wish: Wish) -> SeenJob:
    return deque(watch(jobs, [begun], patience=wish.patience), maxlen=1)[0]


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
