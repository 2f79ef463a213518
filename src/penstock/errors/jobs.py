"""Errors of jobs: another worker was first, an end was asked for, or an attempt failed."""

from penstock.errors.root import PenstockError


class StaleJobError(PenstockError):
    """The stored job is not the one that a step was made from: somebody else was first."""

    code = "stale-job"

    def __init__(self, job_id: str) -> None:
        super().__init__("Somebody else changed this job meanwhile.", job_id=job_id)


class JobCancelledError(PenstockError):
    """The job's user asked for its end while it was worked on."""

    code = "job-cancelled"

    def __init__(self) -> None:
        super().__init__("The job was cancelled.")


class WorkerStoppingError(PenstockError):
    """The worker ends, through no fault of the job: another one is to go on with it."""

    code = "worker-stopping"

    def __init__(self) -> None:
        super().__init__("The worker is being stopped.")


class JobError(PenstockError):
    """An attempt at a job failed; the detail may be shown to the job's user."""

    code = "job-failed"


class RecoverableError(JobError):
    """Another attempt may succeed: something outside is out of reach or was lost."""

    code = "recoverable"


class TooLongError(RecoverableError):
    """An attempt came no further than the one before in the time that a worker has."""

    code = "too-long"

    def __init__(self) -> None:
        super().__init__(
            "It takes longer than a worker may work: ask for less, where its type has parameters"
            " for that, or tell whoever runs the service."
        )


class PermanentError(JobError):
    """No attempt can succeed: what was asked for can't be done as it stands."""

    code = "permanent"


class NoDatabaseError(PermanentError):
    """The tenant has no database: another one is never read in its place."""

    code = "no-database"

    def __init__(self) -> None:
        super().__init__("No database is set up for this tenant: ask its administrator for one.")


class InsufficientStorageError(PermanentError):
    """The store has no room left: somebody makes some, and has the job tried again."""

    code = "insufficient-storage"

    def __init__(self) -> None:
        super().__init__(
            "The store has no room left for the files of this job: its operator can make some and "
            "have it tried again."
        )


class AlreadyDoneError(JobError):
    """There is nothing left to do, since it was done before."""

    code = "already-done"

    def __init__(self) -> None:
        super().__init__("This was done before.")
