"""Errors of a request: its line, a header or its body is no use, or contradicts what is stored."""

from collections.abc import Sequence

from penstock.errors.root import PenstockError


class BadRequestError(PenstockError):
    """The request line or a header is unusable."""

    code = "bad-request"


class UriTooLongError(PenstockError):
    """The URL is longer than `limit` bytes."""

    code = "uri-too-long"

    def __init__(self, *, limit: int) -> None:
        super().__init__(f"The URL is longer than {limit} bytes.", limit=limit)


class MethodNotAllowedError(PenstockError):
    """Only `allow` is served at this path."""

    code = "method-not-allowed"

    def __init__(self, method: str, *, allow: str) -> None:
        super().__init__(f"{method} is not served here: use one of {allow}.", allow=allow)


class RangeNotSatisfiableError(PenstockError):
    """No byte of the asked range lies within the representation of `length` bytes."""

    code = "range-not-satisfiable"

    def __init__(self, *, length: int) -> None:
        super().__init__(f"The range lies outside the {length} bytes there are.", length=length)


class NotAcceptableError(PenstockError):
    """The client refuses identity and every content coding that there is."""

    code = "not-acceptable"

    def __init__(self, *, codings: Sequence[str]) -> None:
        super().__init__(
            "Accept-Encoding refuses identity and every coding offered here: "
            f"allow one of {', '.join(codings)}.",
            codings=list(codings),
        )


class MediaTypeError(PenstockError):
    """A request's body is said to be of a media type that isn't taken; `takes` is the one."""

    code = "unsupported-media-type"

    def __init__(self, *, takes: str) -> None:
        super().__init__(f"Send the body with Content-Type: {takes}.", takes=takes)


class BodyError(PenstockError):
    """A request's body is no usable JSON, or a field of it is missing or doesn't fit."""

    code = "unusable-body"

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail, field=field)


class BodyTooLargeError(BodyError):
    """A request's body is longer than `limit` bytes."""

    code = "body-too-large"

    def __init__(self, *, limit: int) -> None:
        super().__init__(f"The request's body is longer than {limit:,} bytes.")


class ConflictError(PenstockError):
    """The request contradicts what is stored."""

    code = "conflict"


class IdempotencyPendingError(ConflictError):
    """A request with this Idempotency-Key is being taken at this moment."""

    code = "idempotency-pending"

    def __init__(self) -> None:
        super().__init__(
            "A request with this Idempotency-Key is being taken just now: ask again in a moment."
        )


class NotReadyError(ConflictError):
    """A job's result was asked for, and it has none."""

    code = "not-ready"

    def __init__(self, state: str) -> None:
        super().__init__(
            f"This job has no result: its state is {state}. Only a job that succeeded has one.",
            state=state,
        )


class JobStateError(ConflictError):
    """A job's state does not allow the step that was wanted."""

    code = "job-state"

    def __init__(self, job_id: str, *, state: str, wanted: str) -> None:
        super().__init__(
            f"The job can't become {wanted}: its state is {state}.", job_id=job_id, state=state
        )


class IdempotencyMismatchError(PenstockError):
    """An Idempotency-Key came before, with another body."""

    code = "idempotency-mismatch"

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was used for another request within the last 24 hours: "
            "use a new key for a new request."
        )
