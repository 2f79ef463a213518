"""Exporting: an export of the service becomes a whole, checked file, or a stream of its bytes."""

from collections import deque
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from penstock.client.jobs.calls import ApiCalls
from penstock.client.jobs.fetching import fetch
from penstock.client.jobs.job_view import JobView
from penstock.client.jobs.jobs_api import JobLook, Jobs
from penstock.client.jobs.watching import watch
from penstock.client.jobs.words import ending_of
from penstock.client.transfer.options import DEFAULT_OPTIONS, DownloadOptions
from penstock.client.transfer.outcome import Downloaded
from penstock.client.transfer.stream import stream
from penstock.errors import TransferError


def export(
    url: str,
    type_name: str,
    params: Mapping[str, object] | None = None,
    *,
    format: str = "csv",  # noqa: A002 - the grammar's own word
    formats: Sequence[str] = (),
    to: Path | None = None,
    options: DownloadOptions = DEFAULT_OPTIONS,
) -> Downloaded:
    """Have the service at `url` make an export, wait for it, and make a file of its result.

    The job writes its result as one file in this format, so that it may have any size, and in each
    of `formats`, which stay with the job (`Downloaded.job_id`) for whoever wants them later.
    Parameters are what JSON holds; dates, times, decimals and UUIDs become text. `to` is as in
    `download`. Whatever breaks off meanwhile, one job is made.

    Raises SetupError where nothing can be begun, TransferError where the service refuses, the job
    doesn't end well, or its result can't be had.
    """
    with ApiCalls(url, options=options) as calls:
        jobs = Jobs(calls)
        job_id = _made(jobs, type_name, params, formats=(format, *formats), options=options)
        done = fetch(
            jobs,
            job_id,
            format,
            # As a whole path none is taken for standard output.
            str(Path.cwd() / (to or "")),
            options=options,
            finish=lambda further: _finished(jobs, further, options),
        )
        return replace(done, job_id=job_id)


def exported(
    url: str,
    type_name: str,
    params: Mapping[str, object] | None = None,
    *,
    format: str,  # noqa: A002 - the grammar's own word
    options: DownloadOptions = DEFAULT_OPTIONS,
) -> Generator[bytes, None, Downloaded]:
    """Have the service at `url` make an export, wait for it, and yield its result's bytes.

    The export is made when the first piece is asked for. Otherwise as `export` and `stream` do; who
    takes longer than the minutes that its URL is open must not be broken off behind them.
    """
    with ApiCalls(url, options=options) as calls:
        jobs = Jobs(calls)
        job_id = _made(jobs, type_name, params, formats=(format,), options=options)
        file = jobs.result(job_id).files.get(format)
    if file is None:
        raise TransferError(f"The service wrote no {format} of this export.", job=job_id)
    # The URL is signed, and may lead elsewhere: no key goes with it.
    done = yield from stream(file.url, options=replace(options, key=None, sha256=file.sha256))
    return replace(done, job_id=job_id)


def _made(
    jobs: Jobs,
    type_name: str,
    params: Mapping[str, object] | None,
    *,
    formats: Sequence[str],
    options: DownloadOptions,
) -> str:
    begun = jobs.export(
        type_name,
        {name: _json(it) for name, it in (params or {}).items()},
        formats=tuple(dict.fromkeys(formats)),
    )
    job = _finished(jobs, begun, options)
    if not job.went_well:
        raise TransferError(f"{ending_of(job)}.", job=job.id, state=job.state)
    return job.id


def _finished(jobs: Jobs, begun: JobLook, options: DownloadOptions) -> JobView:
    return deque(watch(jobs, [begun], retry=options.retry), maxlen=1)[0]


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
