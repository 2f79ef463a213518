"""Result names: what the result of an export is called, and what is laid beside its parts.

Below `{tenant}/exports/{job_id}/` stand the parts, `file-*.{extension}` for each further format
that was asked for, and the manifest, which is written last (reading/manifest.py).
"""

import re

from penstock.errors import UnknownDatasetError
from penstock.model.job_id import is_job_id

EXPORTS = "exports"

_TOKEN = re.compile(r"^file-[0-9]+(?:_[a-z0-9]+)?")
"""The token of an attempt, and the mark of whoever wrote for it."""
_FILE = re.compile(r"file-[A-Za-z0-9_-]{1,120}\.[a-z0-9]{1,16}")


def result_name(job_id: str) -> str:
    """Name the dataset that is a job's result.

    Raises UnknownDatasetError for what is no job's id.
    """
    name = f"{EXPORTS}/{job_id}"
    if not is_job_id(job_id):
        raise UnknownDatasetError(name)
    return name


def shown_name(name: str) -> str:
    """Name a file beside a result's parts as its URL does: without the token of its attempt."""
    return _TOKEN.sub("file", name)


def is_result_file(name: str) -> bool:
    """Whether a file beside a result's parts may have this name."""
    return _FILE.fullmatch(name) is not None
