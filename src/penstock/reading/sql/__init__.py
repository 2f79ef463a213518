"""SQL for a slice: pure text, with every value bound and every name from the dataset's schema."""

from penstock.reading.sql.statements import (
    NO_ENDS,
    count,
    count_answer,
    file_order,
    ordered,
    profile,
)
from penstock.reading.sql.terms import Statement, TextTypes

__all__ = [
    "NO_ENDS",
    "Statement",
    "TextTypes",
    "count",
    "count_answer",
    "file_order",
    "ordered",
    "profile",
]
