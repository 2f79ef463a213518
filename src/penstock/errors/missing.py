"""Errors of what isn't there: it never was, or it is gone."""

from collections.abc import Sequence

from penstock.errors.root import SHOWN_CHARACTERS, PenstockError, suggesting


class NotFoundError(PenstockError):
    """There is no such thing, or not for this asker: the two look alike on purpose."""

    code = "not-found"


class UnknownHostError(NotFoundError):
    """The host names no tenant."""

    code = "unknown-host"

    def __init__(self) -> None:
        super().__init__("No tenant is served under this host name.")


class UnknownDatasetError(NotFoundError):
    """The tenant has no such dataset, or the asker may not know of it."""

    code = "unknown-dataset"

    def __init__(self, dataset: str, *, did_you_mean: Sequence[str] = ()) -> None:
        super().__init__(
            suggesting(f"There is no dataset “{dataset}” here.", did_you_mean),
            dataset=dataset,
            did_you_mean=list(did_you_mean) or None,
            datasets_url="/-/datasets.json",
        )


class UnknownFormatError(NotFoundError):
    """The extension names no format."""

    code = "unknown-format"

    def __init__(self, extension: str, *, formats: Sequence[str]) -> None:
        super().__init__(
            f"“{extension}” is no format here: use one of {', '.join(formats)}.",
            formats=list(formats),
        )


class UnknownReceiptError(NotFoundError):
    """There is no such receipt, or it is older than receipts are kept."""

    code = "unknown-receipt"

    def __init__(self) -> None:
        super().__init__("There is no such receipt: receipts are kept for 7 days.")


class UnknownJobError(NotFoundError):
    """No such job for this tenant and asker."""

    code = "unknown-job"

    def __init__(self) -> None:
        super().__init__("There is no such job here.")


class UnknownTypeError(NotFoundError):
    """No such type of job."""

    code = "unknown-type"

    def __init__(self, name: str, *, kind: str, types: Sequence[str]) -> None:
        shown = name if len(name) <= SHOWN_CHARACTERS else name[:SHOWN_CHARACTERS] + "…"
        super().__init__(
            f"“{shown}” is no type of {kind}. There are: {', '.join(types)}.", types=list(types)
        )


class UnknownPathError(NotFoundError):
    """Nothing is served at this path."""

    code = "unknown-path"

    def __init__(self) -> None:
        super().__init__(
            "Nothing is served at this path: a download is /{dataset}.{format}.",
            datasets_url="/-/datasets.json",
        )


class GoneError(PenstockError):
    """It was here once and is not kept any more."""

    code = "gone"


class VersionGoneError(GoneError):
    """The version that `_version` pins is no longer stored."""

    code = "version-gone"

    def __init__(self, version: str, *, current: str) -> None:
        super().__init__(
            f"Version “{version}” is no longer stored; the current one is “{current}”.",
            parameter="_version",
            current_version=current,
        )


class CursorGoneError(GoneError):
    """The cursor belongs to a version that is no longer the stored one."""

    code = "cursor-gone"

    def __init__(self) -> None:
        super().__init__(
            "The dataset has a new version since this cursor was made: start again from the "
            "first page.",
            parameter="_cursor",
        )


class ResultGoneError(GoneError):
    """A job's files were removed when they had been kept for long enough."""

    code = "result-gone"

    def __init__(self) -> None:
        super().__init__("The files of this job are no longer kept: start it again.")


class RemovedJobError(GoneError):
    """The job that a request with this Idempotency-Key began was removed since."""

    code = "removed-job"

    def __init__(self, job_id: str) -> None:
        super().__init__(
            "The job that this Idempotency-Key began was removed: use a new key to begin another.",
            job_id=job_id,
        )
