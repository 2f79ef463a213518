"""What a failure of DuckDB means to the one who asked."""

import re

import duckdb
import pyarrow as pa

from penstock.errors import (
    DatasetChangedError,
    DatasetDamagedError,
    NumberTooLongError,
    PenstockError,
    ScanCancelledError,
    SpillExceededError,
)
from penstock.reading.outage import outage

VENDOR_ERRORS = (duckdb.Error, pa.ArrowException, OSError, UnicodeDecodeError)
"""What the engine raises: its own errors, and those that Arrow's stream wraps them in."""

_PATH = re.compile(r"""["']?(?:[a-z0-9]+://|/)[^\s"']+["']?""")
_TOO_LARGE = re.compile(r"Out of Range Error|Conversion Error: .*\bDECIMAL\(")
"""What a sum, or a comparison of two numeric columns, says that has no type wide enough."""
_PART = re.compile(
    r"""
      \b(?P<function>sum|avg)\("(?P<column>(?:[^"]|"")*)"\)
    | "(?:[^"]|"")*"
    | \b(?P<clause>WHERE|HAVING)\b
    """,
    re.VERBOSE,
)
"""What may stand in a statement of this package's own making, where values are bound."""
_OF_STORE = re.compile(r"(?:\w+: )?(?:HTTP Error: |IO Error: [^\n]* for HTTP (?:GET|HEAD) to )")
"""How a fault of an object store begins, after all retries."""
_GONE = "IO Error: No files found that match the pattern"
_CHANGED = re.compile(r"\bHTTP (?:404|412|416)\b|HTTP Error: ETag on reading file")
"""The object is gone, is not the one that `If-Match` demands, or has become shorter."""
_LONGEST_REASON = 300


def translated(
    error: BaseException, *, dataset: str, spill_bytes: int, sql: str = ""
) -> PenstockError:
    """Name the failure of a statement by its meaning; the reason holds no path and is one line.

    DuckDB's class is lost on the way through Arrow's stream, its text is not: so the text decides.
    """
    text = str(error)
    if isinstance(error, duckdb.InterruptException) or "INTERRUPT Error" in text:
        return ScanCancelledError()
    if isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory Error" in text:
        return SpillExceededError(limit=spill_bytes)
    if _TOO_LARGE.search(text):
        return _too_long(sql, is_sum="Out of Range Error" in text)
    if text.startswith(_GONE):
        return DatasetChangedError(dataset)
    if _OF_STORE.match(text):
        return DatasetChangedError(dataset) if _CHANGED.search(text) else outage()
    reason = _PATH.sub("the file", text).strip().split("\n", 1)[0]
    return DatasetDamagedError(dataset, reason=reason[:_LONGEST_REASON] or type(error).__name__)


def _too_long(sql: str, *, is_sum: bool) -> NumberTooLongError:
    """Name the control that makes the number: the engine tells neither it nor the column."""
    clauses: list[str] = []
    selected: list[str] = []
    tested: list[str] = []
    for part in _PART.finditer(sql):
        if part["clause"]:
            clauses.append(part["clause"])
        elif part["function"]:
            column = part["column"].replace('""', '"')
            (tested if "HAVING" in clauses else selected).append(f"{part['function']}({column})")
    if is_sum and (selected or tested):
        computed = list(dict.fromkeys(selected or tested))
        return NumberTooLongError(parameter="_select" if selected else "_having", computed=computed)
    controls = {"WHERE": "_where", "HAVING": "_having"}
    only = controls[clauses[0]] if len(set(clauses)) == 1 else None
    return NumberTooLongError(parameter=only)
