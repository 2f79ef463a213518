"""What differs between a laptop and AWS: one Protocol for each outside part, and their bundles."""

from penstock.ports.downloads import Blobs, Catalog, ExportResults, Keys, Ports, Receipts, Tenants
from penstock.ports.jobs import (
    Databases,
    DeadLetters,
    Dispatch,
    Drafts,
    EventPublisher,
    JobEvents,
    JobFilter,
    JobPorts,
    JobStore,
    JobUpkeep,
    Observation,
    Outputs,
    UsedKey,
    UsedKeys,
)
from penstock.ports.ranges import RangeRead, RangeReaders, RangesRequest
from penstock.ports.signals import Audience, Heard, Hint, Signals
from penstock.ports.sockets import Feed, Listener, Tickets

__all__ = [
    "Audience",
    "Blobs",
    "Catalog",
    "Databases",
    "DeadLetters",
    "Dispatch",
    "Drafts",
    "EventPublisher",
    "ExportResults",
    "Feed",
    "Heard",
    "Hint",
    "JobEvents",
    "JobFilter",
    "JobPorts",
    "JobStore",
    "JobUpkeep",
    "Keys",
    "Listener",
    "Observation",
    "Outputs",
    "Ports",
    "RangeRead",
    "RangeReaders",
    "RangesRequest",
    "Receipts",
    "Signals",
    "Tenants",
    "Tickets",
    "UsedKey",
    "UsedKeys",
]
