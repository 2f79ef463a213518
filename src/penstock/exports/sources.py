"""Sources: what the work of exports reads from and writes to, and within which bounds."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from penstock.exports.readers import TenantReaders
from penstock.model.dataset import Dataset
from penstock.ports import Catalog, Exported, Keys, Outputs
from penstock.reading.manifest import Manifest
from penstock.reading.scan import Reader


class Drafts(Protocol):
    """Results that have no manifest yet."""

    def draft(self, tenant: str, manifest: Manifest) -> Dataset:
        """Give the dataset that this manifest will make; its parts are stored, it is not.

        Raises DatasetDamagedError if a part isn't there as the manifest says, and BusyError.
        """
        ...


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
    readers: int = 1
    """Ranges of a large table that are read side by side in this process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSources:
    """Everything that the work of exports needs, shared by all attempts of a process."""

    catalog: Catalog
    exported: Exported
    drafts: Drafts
    reader: Reader
    keys: Keys
    databases: TenantReaders
    outputs: Outputs
    now: Callable[[], datetime]
    limits: ExportLimits = ExportLimits()
