"""Problems: every error as application/problem+json (RFC 9457), and the one table of statuses."""

import json
from collections.abc import Mapping

from penstock import errors
from penstock.errors import PenstockError
from penstock.web.answers import Answer

STATUSES: Mapping[type[PenstockError], int] = {
    errors.QueryError: 400,
    errors.BadRequestError: 400,
    errors.BodyError: 422,
    errors.BadKeyError: 401,
    errors.KeyNeededError: 401,
    errors.BadTicketError: 401,
    errors.ForbiddenError: 403,
    errors.BadSignatureError: 403,
    errors.NotFoundError: 404,
    errors.MethodNotAllowedError: 405,
    errors.NotAcceptableError: 406,
    errors.ConflictError: 409,
    errors.StaleJobError: 409,
    errors.GoneError: 410,
    errors.TooLargeError: 413,
    errors.BodyTooLargeError: 413,
    errors.UriTooLongError: 414,
    errors.MediaTypeError: 415,
    errors.RangeNotSatisfiableError: 416,
    errors.IdempotencyMismatchError: 422,
    errors.RateLimitedError: 429,
    errors.TooManyAtOnceError: 429,
    errors.BusyError: 503,
    errors.DatasetChangedError: 503,
    errors.DatasetDamagedError: 500,
    errors.ScanCancelledError: 503,
    errors.InsufficientStorageError: 507,
}
"""The status of an error is that of its nearest class here."""

TITLES = {
    400: "The request can't be answered as it stands",
    401: "No valid API key",
    403: "Not allowed",
    404: "Not found",
    405: "This method is not served here",
    406: "No content coding fits",
    409: "In conflict with what is stored",
    410: "No longer here",
    413: "Too large",
    414: "The URL is too long",
    415: "The body's media type is not taken",
    416: "The range is outside the file",
    422: "The request's body doesn't fit",
    429: "Too many requests",
    500: "The service failed",
    503: "Busy",
    507: "No room is left",
}

_CHANGED_RETRY_SECONDS = 1
_IN_A_MOMENT = (errors.DatasetChangedError, errors.IdempotencyPendingError, errors.StaleJobError)


def status_of(error: PenstockError) -> int:
    """Look up an error's status."""
    return next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 500)


def problem(
    error: PenstockError | None, *, path: str, columns_url: str | None = None
) -> dict[str, object]:
    """Describe an error; None is one that nobody foresaw, of which nothing is told."""
    status = 500 if error is None else status_of(error)
    code = "internal" if error is None else error.code
    detail = "The service failed; it has been logged." if error is None else error.detail
    described: dict[str, object] = {
        "type": f"urn:penstock:problem:{code}",
        "title": TITLES[status],
        "status": status,
        "detail": detail,
        "instance": path,
    }
    if error is not None:
        described |= {name: fact for name, fact in error.facts.items() if name not in described}
    if columns_url is not None and isinstance(error, errors.QueryError):
        described["columns_url"] = columns_url
    return described


def problem_headers(error: PenstockError | None) -> dict[str, str]:
    """Give the headers that belong to an error, its media type not among them."""
    headers = {
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "vary": "Accept",
        "access-control-allow-origin": "*",
    }
    if isinstance(error, errors.BusyError):
        headers["retry-after"] = str(error.retry_after_seconds)
    elif isinstance(error, _IN_A_MOMENT):
        headers["retry-after"] = str(_CHANGED_RETRY_SECONDS)
    elif isinstance(error, errors.RangeNotSatisfiableError):
        headers["content-range"] = f"bytes */{error.facts['length']}"
    elif isinstance(error, errors.MethodNotAllowedError):
        headers["allow"] = str(error.facts["allow"])
    elif isinstance(error, errors.BadKeyError):
        headers["www-authenticate"] = 'Basic realm="API key as the password", charset="UTF-8"'
    elif isinstance(error, errors.KeyNeededError):
        # A browser would ask for a password, and the page that asked has a field for the key.
        headers["www-authenticate"] = "ApiKey"
    return headers


def problem_answer(
    error: PenstockError | None, *, path: str, columns_url: str | None = None
) -> Answer:
    """Answer with a problem as JSON."""
    described = problem(error, path=path, columns_url=columns_url)
    return Answer(
        status=int(str(described["status"])),
        headers=problem_headers(error) | {"content-type": "application/problem+json"},
        body=json.dumps(described, ensure_ascii=False).encode() + b"\n",
    )
