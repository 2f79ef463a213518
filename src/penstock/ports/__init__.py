"""What differs between a laptop and AWS: one Protocol for each outside part, and their bundles."""

from penstock.ports.downloads import Blobs, Catalog, Exported, Keys, Ports, Receipts, Tenants
from penstock.ports.jobs import (
    Databases,
    DeadLetters,
    Dispatch,
    Drafts,
    Events,
    JobEvents,
    JobPorts,
    JobStore,
    JobsWanted,
    JobUpkeep,
    Observation,
    Outputs,
    UsedKey,
    UsedKeys,
)
from penstock.ports.ranges import RangeRead, RangeReaders, RangesWanted
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
    "Events",
    "Exported",
    "Feed",
    "Heard",
    "Hint",
    "JobEvents",
    "JobPorts",
    "JobStore",
    "JobUpkeep",
    "JobsWanted",
    "Keys",
    "Listener",
    "Observation",
    "Outputs",
    "Ports",
    "RangeRead",
    "RangeReaders",
    "RangesWanted",
    "Receipts",
    "Signals",
    "Tenants",
    "Tickets",
    "UsedKey",
    "UsedKeys",
]
