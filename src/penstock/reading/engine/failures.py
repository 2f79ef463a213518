"""What a failure of DuckDB means to the one who asked."""

import re

import duckdb
import pyarrow as pa

from penstock.errors import (
    DatasetDamagedError,
    PenstockError,
    QueryError,
    ScanCancelledError,
    SpillExceededError,
)

VENDOR_ERRORS = (duckdb.Error, pa.ArrowException, OSError, UnicodeDecodeError)
"""What the engine raises: its own errors, and those that Arrow's stream wraps them in."""

_PATH = re.compile(r"""["']?(?:[a-z0-9]+://|/)[^\s"']+["']?""")
_TOO_LARGE = re.compile(r"Out of Range Error|Conversion Error: .*\bDECIMAL\(")
"""What a sum, or a comparison of two numeric columns, says that has no type wide enough."""
_LONGEST_REASON = 300


def translated(error: BaseException, *, dataset: str, spill_bytes: int) -> PenstockError:
    """Name an engine's failure by its meaning; the reason holds no path and is one line.

    DuckDB's class is lost on the way through Arrow's stream, its text is not: so the text decides.
    """
    text = str(error)
    if isinstance(error, duckdb.InterruptException) or "INTERRUPT Error" in text:
        return ScanCancelledError()
    if isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory Error" in text:
        return SpillExceededError(limit=spill_bytes)
    if _TOO_LARGE.search(text):
        return QueryError(
            "A number that this query makes has more than 38 digits, and no type holds it: sum or "
            "compare fewer rows, or other columns."
        )
    reason = _PATH.sub("the file", text).strip().split("\n", 1)[0]
    return DatasetDamagedError(dataset, reason=reason[:_LONGEST_REASON] or type(error).__name__)
