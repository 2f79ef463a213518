"""Every deliberate error, as one closed tree.

PenstockError
├── QueryError                    the URL asks for something that can't be answered
│   ├── UnknownParameterError     a key is no control, no column and no operator
│   ├── UnknownColumnError        a control names a column that the dataset lacks
│   ├── BadValueError             a value doesn't fit its column or control
│   ├── RepeatedParameterError    a single-valued control stands twice
│   ├── BadExpressionError        `_where`, `_having` or `_select` doesn't parse or uses too much
│   ├── ConflictingParametersError  two controls contradict each other
│   ├── TooManyFiltersError       more filters than a URL may carry
│   ├── BadCursorError            a cursor that is forged, or belongs to another query
│   ├── UnrepresentableError      the format can't hold a column's type
│   └── NumberTooLongError        a number that the query makes has no type to hold it
├── BadRequestError               the request line or a header is unusable (Host, path)
├── UriTooLongError               the URL is longer than the limit
├── AccessError
│   ├── BadKeyError               an API key that is unknown, expired, revoked or another tenant's
│   ├── KeyNeededError            what no visitor may have came without a key
│   ├── BadTicketError            a socket's ticket that is unknown, used or too old
│   ├── ForbiddenError            a known asker that lacks the role
│   └── BadSignatureError         a signed URL that is expired, altered or another path's
├── NotFoundError
│   ├── UnknownHostError          the host names no tenant
│   ├── UnknownDatasetError       no such dataset for this tenant and asker
│   ├── UnknownFormatError        the extension names no format
│   ├── UnknownReceiptError       no such receipt, or older than it is kept
│   ├── UnknownJobError           no such job for this tenant and asker
│   ├── UnknownTypeError          no such type of export
│   └── UnknownPathError          nothing is served at this path
├── GoneError
│   ├── VersionGoneError          the pinned version is no longer stored
│   ├── CursorGoneError           the cursor's version is no longer stored
│   ├── ResultGoneError           a job's files are no longer kept
│   └── RemovedJobError           the job that an Idempotency-Key began was removed
├── MethodNotAllowedError         only reading is served at this path
├── RangeNotSatisfiableError      no byte of the range lies within the representation
├── NotAcceptableError            the client refuses identity and every coding
├── TooLargeError
│   ├── ResponseTooLargeError     the answer would exceed the tenant's cap
│   ├── BudgetExceededError       a running read crossed its budget
│   ├── SpillExceededError        a sort or an aggregate needs more than its budget
│   └── QueryTimeoutError         the query ran longer than it may
├── BusyError
│   ├── ContendedError            others wrote to the same record at each attempt
│   ├── ScanQueueFullError        no scan slot became free in time
│   ├── RateLimitedError          too many requests from one key or address
│   └── TooManyAtOnceError        too many jobs or sockets of one asker are open already
├── DatasetChangedError           the stored file was replaced while it was being read
├── DatasetDamagedError           the stored file can't be read
│   └── UnreadableColumnError     a column holds values that can't be read exactly
├── ScanCancelledError            the client left, so the scan was stopped
├── MediaTypeError                a request's body is of a type that is not taken
├── BodyError                     a request's body is not what this path takes
│   └── BodyTooLargeError         a request's body is longer than the limit
├── ConflictError                 the request contradicts what is stored
│   ├── IdempotencyPendingError   the same request is being taken just now
│   ├── NotReadyError             a job's result isn't there yet, or will never be
│   └── JobStateError             a job's state does not allow this step
├── IdempotencyMismatchError      an Idempotency-Key came before, with another body
├── StaleJobError                 somebody else changed the job first, or took its lease
├── JobCancelledError             the job's user asked for its end
├── WorkerStoppingError           the worker ends: another one is to go on with the job
├── JobError                      an attempt at a job failed
│   ├── RecoverableError          another attempt may succeed
│   │   └── TooLongError           one worker's time was not enough
│   ├── PermanentError            no attempt can succeed: a dead letter at once
│   │   ├── NoDatabaseError       the tenant has no database to read from
│   │   └── InsufficientStorageError  the store has no room for a job's files
│   └── AlreadyDoneError          there is nothing left to do: a success
├── SetupError                    the service can't start: a port, a folder, a file, a setting
├── RuntimeApiError               a function can't reach Lambda's Runtime API, or is refused by it
├── FunctionError                 an invoked function failed, or broke its answer off
└── TransferError                 the client could not complete a download
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

SHOWN_CHARACTERS = 80
"""How much of a client's value an error repeats."""


class PenstockError(Exception):
    """Root of the tree: `code` is stable, `facts` are the attributes that a client may read."""

    code: ClassVar[str] = "error"

    def __init__(self, detail: str, **facts: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts: Mapping[str, object] = {
            name: value for name, value in facts.items() if value is not None
        }


class QueryError(PenstockError):
    """The URL asks for something that can't be answered; `parameter` names the key at fault."""

    code = "unusable-query"


class UnknownParameterError(QueryError):
    """A key is no control, no column and no `column__operator`."""

    code = "unknown-parameter"

    def __init__(
        self, parameter: str, *, did_you_mean: Sequence[str] = (), detail: str | None = None
    ) -> None:
        said = detail or f"“{parameter}” is neither a column of this dataset nor a control."
        super().__init__(
            _suggesting(said, did_you_mean),
            parameter=parameter,
            did_you_mean=list(did_you_mean) or None,
        )


class UnknownColumnError(QueryError):
    """The control `parameter` names a column that the dataset lacks."""

    code = "unknown-column"

    def __init__(self, column: str, *, parameter: str, did_you_mean: Sequence[str] = ()) -> None:
        super().__init__(
            _suggesting(f"{parameter} names “{column}”, which is no column.", did_you_mean),
            parameter=parameter,
            column=column,
            did_you_mean=list(did_you_mean) or None,
        )


class BadValueError(QueryError):
    """A value doesn't fit: names the column, its type and an example of a good value."""

    code = "bad-value"

    def __init__(
        self,
        parameter: str,
        value: str,
        *,
        expected: str,
        example: str | None = None,
        column: str | None = None,
        column_type: str | None = None,
    ) -> None:
        shown = value if len(value) <= SHOWN_CHARACTERS else value[:SHOWN_CHARACTERS] + "…"
        of = f" (column “{column}”, {column_type})" if column else ""
        hint = f" For example: {example}" if example else ""
        super().__init__(
            f"“{shown}” is no usable value for {parameter}{of}: expected {expected}.{hint}",
            parameter=parameter,
            column=column,
            column_type=column_type,
            expected=expected,
            example=example,
        )


class RepeatedParameterError(QueryError):
    """A control that takes one value stands more than once in the URL."""

    code = "repeated-parameter"

    def __init__(self, parameter: str) -> None:
        super().__init__(f"{parameter} may stand only once in a URL.", parameter=parameter)


class BadExpressionError(QueryError):
    """An expression control doesn't parse, or uses more than the grammar allows."""

    code = "bad-expression"

    def __init__(self, parameter: str, detail: str, *, did_you_mean: Sequence[str] = ()) -> None:
        super().__init__(
            _suggesting(f"{parameter}: {detail}", did_you_mean),
            parameter=parameter,
            did_you_mean=list(did_you_mean) or None,
        )


class ConflictingParametersError(QueryError):
    """Two controls contradict each other."""

    code = "conflicting-parameters"

    def __init__(self, parameter: str, other: str, detail: str) -> None:
        super().__init__(
            f"{parameter} and {other} don't go together: {detail}",
            parameter=parameter,
            conflicts_with=other,
        )


class TooManyFiltersError(QueryError):
    """More filters stand in the URL than one may carry."""

    code = "too-many-filters"

    def __init__(self, *, limit: int, reached: int) -> None:
        super().__init__(
            f"The URL holds {reached} filters and at most {limit} are allowed: "
            "join values of one column with __in.",
            limit=limit,
            reached=reached,
        )


class BadCursorError(QueryError):
    """A cursor that is forged, damaged, or was made for another query."""

    code = "bad-cursor"

    def __init__(self, detail: str) -> None:
        super().__init__(f"_cursor {detail}: start again from the first page.", parameter="_cursor")


class UnrepresentableError(QueryError):
    """The format can't hold a column's type; the way out is to leave the column out."""

    code = "unrepresentable"

    def __init__(self, *, column: str, column_type: str, format_name: str) -> None:
        super().__init__(
            f"{format_name} can't hold column “{column}” ({column_type}): leave it out with "
            f"_exclude={column}, or ask for another format.",
            column=column,
            column_type=column_type,
            format=format_name,
        )


class NumberTooLongError(QueryError):
    """No type holds a number that the query makes; `computed` are the sums and averages asked for.

    `parameter` is the control that makes it, None where that can't be told.
    """

    code = "number-too-long"

    def __init__(self, *, parameter: str | None, computed: Sequence[str] = ()) -> None:
        if computed:
            said = (
                f"adding up for {' or '.join(computed)} makes a number of more than 38 digits, and "
                "no type holds it: add up fewer rows (with a filter, or more columns in _group), "
                "or ask for min, max or count."
            )
        else:
            said = (
                "a number that is made to compare two others has more than 38 digits, and no type "
                "holds it: compare each column with a value, or with another column."
            )
        super().__init__(
            f"{parameter}: {said}" if parameter else said[0].upper() + said[1:],
            parameter=parameter,
            computed=list(computed) or None,
        )


class BadRequestError(PenstockError):
    """The request line or a header is unusable."""

    code = "bad-request"


class UriTooLongError(PenstockError):
    """The URL is longer than `limit` bytes."""

    code = "uri-too-long"

    def __init__(self, *, limit: int) -> None:
        super().__init__(f"The URL is longer than {limit} bytes.", limit=limit)


class AccessError(PenstockError):
    """Who asks may not have this."""

    code = "access"


class BadKeyError(AccessError):
    """An API key that is unknown, expired, revoked or another tenant's: which one isn't said."""

    code = "bad-key"

    def __init__(self) -> None:
        super().__init__(
            "The API key in X-Api-Key is not valid for this host: check it for typing errors, "
            "or ask its issuer for a new one."
        )


class KeyNeededError(AccessError):
    """What no visitor may have was asked for without a key."""

    code = "key-needed"

    def __init__(self) -> None:
        super().__init__("This needs an API key: send it in X-Api-Key.")


class BadTicketError(AccessError):
    """A socket's ticket is unknown, used, too old or another tenant's."""

    code = "bad-ticket"

    def __init__(self) -> None:
        super().__init__(
            "The ticket opens no socket, or none any more: ask for a new one at /v1/events/tickets."
        )


class ForbiddenError(AccessError):
    """A known asker lacks the role that this needs."""

    code = "forbidden"


class BadSignatureError(AccessError):
    """A signed URL is expired, altered, or was made for another path or tenant."""

    code = "bad-signature"

    def __init__(self, detail: str) -> None:
        super().__init__(f"The signed URL {detail}: ask for a new one.", parameter="_sig")


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
            _suggesting(f"There is no dataset “{dataset}” here.", did_you_mean),
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


class TooLargeError(PenstockError):
    """More than one response may hold or one query may cost."""

    code = "too-large"


class ResponseTooLargeError(TooLargeError):
    """The answer would exceed a cap; sizes are bytes as they are counted for that cap.

    `object_url` is where the same bytes can be had for a while, if they are stored as they are.
    """

    code = "response-too-large"

    def __init__(
        self,
        *,
        limit: int,
        estimated: int,
        unit: str,
        smaller_coded: bool = False,
        object_url: str | None = None,
    ) -> None:
        ways = ["narrow the query with a filter, fewer columns (_select) or pages (_limit)"]
        if smaller_coded:
            ways.insert(0, "take it compressed (Accept-Encoding: zstd, gzip)")
        if object_url is not None:
            ways = ["take it from object_url, soon", "ask for ranges of it", *ways]
        super().__init__(
            f"The answer is estimated at {estimated:,} {unit} and at most {limit:,} may be sent: "
            f"{', or '.join(ways)}.",
            limit=limit,
            estimated=estimated,
            unit=unit,
            object_url=object_url,
        )


class BudgetExceededError(TooLargeError):
    """A running read crossed its budget of bytes or rows."""

    code = "budget-exceeded"

    def __init__(self, *, limit: int, reached: int, unit: str = "bytes") -> None:
        super().__init__(
            f"The read reached {reached:,} {unit} and its budget is {limit:,}: narrow the query "
            "with a filter, fewer columns (_select) or pages (_limit).",
            limit=limit,
            reached=reached,
            unit=unit,
        )


class SpillExceededError(TooLargeError):
    """A sort or an aggregate needs more room than its spill budget."""

    code = "spill-exceeded"

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            f"Sorting or grouping this much needs more than its budget of {limit:,} bytes: "
            "narrow the query with a filter or fewer columns (_select).",
            limit=limit,
        )


class QueryTimeoutError(TooLargeError):
    """The query ran longer than it may."""

    code = "query-timeout"

    def __init__(self, *, limit_seconds: float) -> None:
        super().__init__(
            f"The query ran longer than the {limit_seconds:g} s it may take: narrow it with a "
            "filter or pages (_limit).",
            limit_seconds=limit_seconds,
        )


class BusyError(PenstockError):
    """Try again in `retry_after_seconds`."""

    code = "busy"

    def __init__(self, detail: str, *, retry_after_seconds: int) -> None:
        super().__init__(detail, retry_after_seconds=retry_after_seconds)
        self.retry_after_seconds = retry_after_seconds


class ContendedError(BusyError):
    """Others wrote to the same record at each of several attempts; nothing was written."""

    code = "contended"

    def __init__(self) -> None:
        super().__init__(
            "The same record is being changed just now: try again in 1 s.", retry_after_seconds=1
        )


class ScanQueueFullError(BusyError):
    """No scan slot became free in time."""

    code = "scan-queue-full"

    def __init__(self, *, retry_after_seconds: int) -> None:
        super().__init__(
            f"Too many queries are running: try again in {retry_after_seconds} s.",
            retry_after_seconds=retry_after_seconds,
        )


class RateLimitedError(BusyError):
    """Too many requests came from one key or one client address."""

    code = "rate-limited"

    def __init__(self, *, limit: int, window_seconds: int, retry_after_seconds: int) -> None:
        super().__init__(
            f"More than {limit} requests in {window_seconds} s: try again in "
            f"{retry_after_seconds} s.",
            retry_after_seconds=retry_after_seconds,
        )


class TooManyAtOnceError(BusyError):
    """As much as one asker may have under way is under way already; `what` names it in plural."""

    code = "too-many-at-once"

    def __init__(self, what: str, *, limit: int, retry_after_seconds: int) -> None:
        super().__init__(
            f"There are {limit} {what} already, and no more may be open at once: "
            f"try again in {retry_after_seconds} s.",
            retry_after_seconds=retry_after_seconds,
        )


class DatasetChangedError(PenstockError):
    """The stored file was replaced while it was being read: one response is one snapshot."""

    code = "dataset-changed"

    def __init__(self, dataset: str) -> None:
        super().__init__(
            f"“{dataset}” was replaced while it was being read: ask again.", dataset=dataset
        )


class DatasetDamagedError(PenstockError):
    """The stored file can't be read; `reason` is the reader's own, without any path."""

    code = "dataset-damaged"

    def __init__(self, dataset: str, *, reason: str) -> None:
        super().__init__(f"“{dataset}” can't be read as it is stored: {reason}", dataset=dataset)
        self.reason = reason


class UnreadableColumnError(DatasetDamagedError):
    """A column holds values that would be read as others; `why` says it, and how to mend it."""

    code = "unreadable-column"

    def __init__(self, dataset: str, *, column: str, column_type: str, why: str) -> None:
        super().__init__(dataset, reason=f"column “{column}” ({column_type}) {why}")
        self.facts = {**self.facts, "column": column, "column_type": column_type}


class ScanCancelledError(PenstockError):
    """The client left, or the service stops: the scan was ended early."""

    code = "scan-cancelled"

    def __init__(self) -> None:
        super().__init__("The scan was stopped before its end.")


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
        super().__init__("It takes longer than one worker may work: ask for less, or in parts.")


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


class SetupError(PenstockError):
    """The service or a command can't start; the detail is one line for the terminal."""

    code = "setup"


class RuntimeApiError(PenstockError):
    """The Runtime API can't be reached, refuses, or nobody takes the answer any more."""

    code = "runtime-api"


class FunctionError(PenstockError):
    """An invoked function failed or broke its answer off; `kind` is the type that Lambda names."""

    code = "function"

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail, kind=kind)
        self.kind = kind


class TransferError(PenstockError):
    """The client could not complete a download; the detail is one line for the terminal."""

    code = "transfer"


def _suggesting(said: str, did_you_mean: Sequence[str]) -> str:
    return f"{said} Did you mean {' or '.join(did_you_mean)}?" if did_you_mean else said
