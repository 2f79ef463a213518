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

from penstock.errors.access import (
    AccessError,
    BadKeyError,
    BadSignatureError,
    BadTicketError,
    ForbiddenError,
    KeyNeededError,
)
from penstock.errors.jobs import (
    AlreadyDoneError,
    InsufficientStorageError,
    JobCancelledError,
    JobError,
    NoDatabaseError,
    PermanentError,
    RecoverableError,
    StaleJobError,
    TooLongError,
    WorkerStoppingError,
)
from penstock.errors.limits import (
    BudgetExceededError,
    BusyError,
    ContendedError,
    QueryTimeoutError,
    RateLimitedError,
    ResponseTooLargeError,
    ScanQueueFullError,
    SpillExceededError,
    TooLargeError,
    TooManyAtOnceError,
)
from penstock.errors.missing import (
    CursorGoneError,
    GoneError,
    NotFoundError,
    RemovedJobError,
    ResultGoneError,
    UnknownDatasetError,
    UnknownFormatError,
    UnknownHostError,
    UnknownJobError,
    UnknownPathError,
    UnknownReceiptError,
    UnknownTypeError,
    VersionGoneError,
)
from penstock.errors.query import (
    BadCursorError,
    BadExpressionError,
    BadValueError,
    ConflictingParametersError,
    NumberTooLongError,
    QueryError,
    RepeatedParameterError,
    TooManyFiltersError,
    UnknownColumnError,
    UnknownParameterError,
    UnrepresentableError,
)
from penstock.errors.reading import (
    DatasetChangedError,
    DatasetDamagedError,
    ScanCancelledError,
    UnreadableColumnError,
)
from penstock.errors.request import (
    BadRequestError,
    BodyError,
    BodyTooLargeError,
    ConflictError,
    IdempotencyMismatchError,
    IdempotencyPendingError,
    JobStateError,
    MediaTypeError,
    MethodNotAllowedError,
    NotAcceptableError,
    NotReadyError,
    RangeNotSatisfiableError,
    UriTooLongError,
)
from penstock.errors.root import (
    SHOWN_CHARACTERS,
    PenstockError,
)
from penstock.errors.running import (
    FunctionError,
    RuntimeApiError,
    SetupError,
    TransferError,
)

__all__ = [
    "SHOWN_CHARACTERS",
    "AccessError",
    "AlreadyDoneError",
    "BadCursorError",
    "BadExpressionError",
    "BadKeyError",
    "BadRequestError",
    "BadSignatureError",
    "BadTicketError",
    "BadValueError",
    "BodyError",
    "BodyTooLargeError",
    "BudgetExceededError",
    "BusyError",
    "ConflictError",
    "ConflictingParametersError",
    "ContendedError",
    "CursorGoneError",
    "DatasetChangedError",
    "DatasetDamagedError",
    "ForbiddenError",
    "FunctionError",
    "GoneError",
    "IdempotencyMismatchError",
    "IdempotencyPendingError",
    "InsufficientStorageError",
    "JobCancelledError",
    "JobError",
    "JobStateError",
    "KeyNeededError",
    "MediaTypeError",
    "MethodNotAllowedError",
    "NoDatabaseError",
    "NotAcceptableError",
    "NotFoundError",
    "NotReadyError",
    "NumberTooLongError",
    "PenstockError",
    "PermanentError",
    "QueryError",
    "QueryTimeoutError",
    "RangeNotSatisfiableError",
    "RateLimitedError",
    "RecoverableError",
    "RemovedJobError",
    "RepeatedParameterError",
    "ResponseTooLargeError",
    "ResultGoneError",
    "RuntimeApiError",
    "ScanCancelledError",
    "ScanQueueFullError",
    "SetupError",
    "SpillExceededError",
    "StaleJobError",
    "TooLargeError",
    "TooLongError",
    "TooManyAtOnceError",
    "TooManyFiltersError",
    "TransferError",
    "UnknownColumnError",
    "UnknownDatasetError",
    "UnknownFormatError",
    "UnknownHostError",
    "UnknownJobError",
    "UnknownParameterError",
    "UnknownPathError",
    "UnknownReceiptError",
    "UnknownTypeError",
    "UnreadableColumnError",
    "UnrepresentableError",
    "UriTooLongError",
    "VersionGoneError",
    "WorkerStoppingError",
]
