"""Errors of limits: more was asked for than one request may cost, or than there is room for now."""

from penstock.errors.root import PenstockError


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
