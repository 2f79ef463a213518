"""Fetching: a job's result becomes files, in the formats that were asked for."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import httpx

from penstock import formats
from penstock.client.files.download import download
from penstock.client.jobs.as_one_file import Finish, as_one_file
from penstock.client.jobs.jobs_api import Jobs, Result
from penstock.client.terminal import printable
from penstock.client.transfer.options import DownloadOptions
from penstock.client.transfer.outcome import Downloaded
from penstock.client.transfer.stream import download_to
from penstock.errors import SetupError, TransferError

USUAL_FORMAT = "csv"
MOST_SIGNED = 1000
"""How often the URLs of one file are asked for anew; each opens it for minutes."""

_FORBIDDEN, _TOO_LARGE = 403, 413


def wanted_formats(output: str, given: Sequence[str]) -> tuple[str, ...]:
    """Say in which formats a result is to be fetched, so that a mistake is found before the work.

    A file's extension decides where it is a format's; else the one format that is given does. A
    folder takes each that is given, standard output one; without any, they get CSV.

    Raises SetupError where that isn't one format for one file, or names none.
    """
    chosen = tuple(dict.fromkeys(given))
    if is_folder(output):
        return chosen or (USUAL_FORMAT,)
    if output != "-":
        extension = Path(output).suffix.removeprefix(".").lower()
        if extension in formats.all_formats():
            return (extension,)
        if not chosen:
            known = ", ".join(formats.all_formats())
            raise SetupError(
                f"“{printable(output)}” has no extension of a format ({known}): name one with "
                "--format."
            )
    if len(chosen) > 1:
        raise SetupError("Several formats need a folder: name one as --output.")
    return chosen or (USUAL_FORMAT,)


def is_folder(output: str) -> bool:
    """Whether an output is a folder: one that is there, or is written like one."""
    return output != "-" and (output.endswith("/") or Path(output).is_dir())


def refuse_output(output: str, *, force: bool) -> None:
    """Return if a result can be put there, as far as can be told before there is one.

    Raises SetupError.
    """
    target = Path(output)
    if output == "-" or is_folder(output):
        return
    if not target.parent.is_dir():
        raise SetupError(f"There is no folder {target.parent}.")
    if target.is_file() and not force:
        raise SetupError(f"{target} exists already: name another file, or use --force.")


def fetch(
    jobs: Jobs,
    job_id: str,
    format_name: str,
    output: str,
    *,
    options: DownloadOptions,
    finish: Finish,
) -> Downloaded:
    """Download a job's result in one format, as `download` does; `-` is standard output.

    A file that was written beforehand is taken where there is one, and compared with the digest
    that the job tells; else the result is encoded on the way. What is too large for that is
    exported once more, as such a file, for whose job `finish` waits. What takes longer than its URL
    is open goes on under a new one.

    Raises SetupError and TransferError as `download` does, and TransferError where the result isn't
    there, or not in this format.
    """
    if is_folder(output):
        Path(output).mkdir(parents=True, exist_ok=True)
    last: TransferError | None = None
    made_by = job_id
    for _ in range(MOST_SIGNED):
        result = jobs.result(made_by)
        url, sha256 = _place(result, format_name)
        # A result's URL is signed, and may lead elsewhere: no key goes with it.
        signed = replace(options, key=None, sha256=sha256)
        try:
            if output == "-":
                # The raw descriptor: nothing is left in a buffer when the reader goes away.
                with open(sys.stdout.fileno(), "wb", buffering=0, closefd=False) as out:
                    return download_to(url, out, options=signed)
            return download(url, Path(output), options=signed)
        except TransferError as error:
            if error.facts.get("status") == _TOO_LARGE and made_by == job_id:
                made_by = _further(jobs, job_id, format_name, url, error, finish)
                continue
            has_expired = error.facts.get("status") == _FORBIDDEN and error.facts.get("kept")
            if not has_expired or (last is not None and last.facts == error.facts):
                raise
            last = error
    raise TransferError("The result's URLs ended too often.")


def _further(
    jobs: Jobs, job_id: str, format_name: str, url: str, refused: TransferError, finish: Finish
) -> str:
    file_name = httpx.URL(url).params.get("_filename")
    try:
        return as_one_file(jobs, job_id, format_name, file_name=file_name, finish=finish)
    except TransferError as error:
        raise TransferError(
            f"{refused.detail} Writing it as one file failed, too: {error.detail}", **error.facts
        ) from error


def _place(result: Result, format_name: str) -> tuple[str, str | None]:
    file = result.files.get(format_name)
    if file is not None:
        return file.url, file.sha256
    if format_name not in result.downloads:
        raise TransferError(
            f"There is no {printable(format_name)} of this result: "
            f"there is {', '.join(result.downloads) or 'none'}."
        )
    return result.downloads[format_name], None
