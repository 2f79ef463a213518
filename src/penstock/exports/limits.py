"""Limits: what one export may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportLimits:
    """What one export may take."""

    part_rows: int = 5_000_000
    part_bytes: int = 256_000_000
    """A part ends at the first of the two, at a border of row groups; bytes are stored ones."""
    query_seconds: float = 3600
    """Time that the queries of one slice may take together."""
    filters: int = 50
    """Filters that a slice's query may hold."""
    range_rows: int = 100_000
    """A large table is read in ranges of about so many rows at least."""
