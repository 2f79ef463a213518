"""Resources: the ports, readers and limits that all attempts of a worker process share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from penstock.exports.limits import ExportLimits
from penstock.exports.readers import TenantReaders
from penstock.ports import Catalog, Drafts, ExportResults, Keys, Outputs, RangeReaders
from penstock.reading.reader import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportResources:
    """Everything that the work of exports needs, shared by all attempts of a process."""

    catalog: Catalog
    exported: ExportResults
    drafts: Drafts
    reader: Reader
    keys: Keys
    databases: TenantReaders
    outputs: Outputs
    now: Callable[[], datetime]
    limits: ExportLimits = field(default_factory=ExportLimits)
    range_readers: RangeReaders | None = None
    """Other processes that read large tables; without, the attempt reads them itself."""
