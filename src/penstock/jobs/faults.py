"""Faults: what an attempt's error becomes in its job's row."""

from penstock.errors import (
    BusyError,
    JobError,
    PenstockError,
    PermanentError,
)
from penstock.model.fault import JobFault


def fault_of(error: Exception) -> JobFault:
    """Say what an attempt failed with; of what nobody foresaw, nothing is told."""
    if isinstance(error, PenstockError):
        retryable = not isinstance(error, PermanentError) and isinstance(
            error, JobError | BusyError
        )
        return JobFault(
            code=error.code,
            kind="recoverable" if retryable else "permanent",
            message=error.detail,
            retryable=retryable,
        )
    return JobFault(
        code="internal",
        kind="unforeseen",
        message="The service failed; it has been logged.",
        retryable=True,
    )
