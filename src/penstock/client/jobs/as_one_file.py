"""As one file: how a result that is too large for one answer is exported once more."""

from collections.abc import Callable
from typing import TypeAlias

from penstock.client.jobs.job_view import JobView
from penstock.client.jobs.jobs_api import JobLook, Jobs
from penstock.client.jobs.words import ending_of
from penstock.errors import TransferError

Finish: TypeAlias = Callable[[JobLook], JobView]
"""Waits for a job until it is over, and gives it as it is then."""

_SLICE_TYPE = "dataset-slice"
_REMOVED = "removed-job"


def as_one_file(
    jobs: Jobs, job_id: str, format_name: str, *, file_name: str | None, finish: Finish
) -> str:
    """Have a job's result written as one file, by a further job, and give that one's id.

    Who asks again within a day is given the same job, unless it came to nothing. The file is
    called `file_name`, with the format's extension.

    Raises TransferError where that job can't be begun, or doesn't end well.
    """
    looked = _begun(jobs, job_id, format_name, file_name, key=f"file-{job_id}-{format_name}")
    if looked is None or (looked.job.is_over and not looked.job.went_well):
        looked = _begun(jobs, job_id, format_name, file_name, key=None)
    if looked is None:
        raise TransferError("The server says that a new job was removed.")
    job = finish(looked)
    if not job.went_well:
        raise TransferError(f"{ending_of(job)}.", job=job.id, state=job.state)
    return job.id


def _begun(
    jobs: Jobs, job_id: str, format_name: str, file_name: str | None, *, key: str | None
) -> JobLook | None:
    """Submit the further export, and look at its job; None where that was removed."""
    params = {"dataset": f"exports/{job_id}"}
    if file_name is not None:
        params["file_name"] = file_name
    try:
        begun = jobs.export(_SLICE_TYPE, params, formats=[format_name], idempotency_key=key)
    except TransferError as error:
        if key is None or error.facts.get("problem") != _REMOVED:
            raise
        return None
    # The answer to a request that came before tells the job as it was then.
    return jobs.look_again(begun)
