"""Conversion tasks: what a converter process is asked, and what it answers."""

from dataclasses import dataclass

VERSION = 1
"""Counts up whenever the same CSV file would give another Parquet file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Convert `source` into `target`; `work` is an empty folder that holds both it and scraps."""

    source: str
    target: str
    work: str
    null_text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertResult:
    """How many rows there are, or the problem in one line."""

    rows: int = 0
    problem: str | None = None
