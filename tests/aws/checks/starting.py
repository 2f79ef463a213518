"""Starting: the function begins through our own loop, and its log can be read by machines."""

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from tests.aws.doors import Door
from tests.aws.findings import CheckFailedError, require
from tests.aws.tables import numbers_csv

_OK = 200
_LOOK_SECONDS = 3.0
_REPORT = re.compile(r"REPORT RequestId: (\S+)\s")
_FIGURE = re.compile(r"(?:^|\t)(Duration|Init Duration|Memory Size|Max Memory Used): ([0-9.]+) ")
_FAILED_STARTS = ("Runtime.ExitError", "Runtime.Unknown", "Penstock.InitFailed", "INIT_REPORT")


_Found = TypeVar("_Found")


class Logs(Protocol):
    """The log of the download function."""

    def lines(self, phrase: str) -> Sequence[str]:
        """Give the lines so far that hold a phrase."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What Lambda says of an invocation; `init_ms` only of the first one of an environment.

    https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
    """

    request_id: str
    duration_ms: float
    init_ms: float | None
    memory_mb: int
    used_mb: int


def report_of(line: str) -> Report | None:
    """Read a REPORT line; None if it is none."""
    found = _REPORT.search(line)
    if found is None:
        return None
    figures = dict(_FIGURE.findall(line))
    try:
        return Report(
            request_id=found[1],
            duration_ms=float(figures["Duration"]),
            init_ms=float(figures["Init Duration"]) if "Init Duration" in figures else None,
            memory_mb=int(figures["Memory Size"]),
            used_mb=int(figures["Max Memory Used"]),
        )
    except (KeyError, ValueError):
        return None


def starts_and_logs(
    function: Door, logs: Logs, *, tenant: str, patience_seconds: float = 90
) -> Report:
    """Ask a function, directly, for the first time: it answers, and logs a line of JSON about it.

    Gives Lambda's report of a start. Log lines take some seconds to arrive.

    Raises CheckFailedError.
    """
    answer = function.ask("/numbers.csv?n__lt=3&word__not=none")
    require(answer.status == _OK, f"The first request was answered with {answer.status}.")
    require(answer.decoded == numbers_csv(range(3)), "The first answer holds other rows.")
    request_id = str(answer.headers.get("x-amzn-requestid", ""))
    require(bool(request_id), "The answer names no request of Lambda's.")

    def own_lines() -> tuple[Report, dict[str, Any]] | None:
        lines = logs.lines(request_id)
        report = next((found for line in lines if (found := report_of(line))), None)
        entry = next((read for line in lines if (read := _request_line(line))), None)
        return None if report is None or entry is None else (report, entry)

    report, entry = _awaited(own_lines, f"report and log of request {request_id}", patience_seconds)
    for name, value in (("tenant", tenant), ("status", _OK), ("outcome", "complete"), ("rows", 3)):
        require(
            entry.get(name) == value,
            f"The log's line of the first request has {name} {entry.get(name)!r}, not {value!r}.",
        )
    for text in _FAILED_STARTS:
        failed = logs.lines(text)
        require(not failed, f"A start failed: {failed[0].strip()}" if failed else text)
    if report.init_ms is not None:
        return report
    return _awaited(
        lambda: next(
            (
                found
                for line in logs.lines("Init Duration")
                if (found := report_of(line)) and found.init_ms is not None
            ),
            None,
        ),
        "report of a start",
        patience_seconds,
    )


def _request_line(line: str) -> dict[str, Any] | None:
    """Read the service's line about a request; None if it is none."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and entry.get("message") == "request" else None


def _awaited(look: Callable[[], _Found | None], what: str, patience_seconds: float) -> _Found:
    ends = time.monotonic() + patience_seconds
    while (found := look()) is None:
        if time.monotonic() > ends:
            raise CheckFailedError(f"The log holds no {what} within {patience_seconds:g} s.")
        time.sleep(min(_LOOK_SECONDS, patience_seconds))
    return found
