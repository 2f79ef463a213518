"""What differs between a laptop and AWS: one Protocol for each outside part, and their bundles."""

from penstock.ports.downloads import Blobs, Catalog, Exported, Keys, Ports, Receipts, Tenants
from penstock.ports.jobs import (
    Databases,
    DeadLetters,
    Dispatch,
    Events,
    JobEvents,
    JobPorts,
    JobStore,
    JobsWanted,
    JobUpkeep,
    Observation,
    Outputs,
)
from penstock.ports.sockets import Feed, Listener, Tickets

__all__ = [
    "Blobs",
    "Catalog",
    "Databases",
    "DeadLetters",
    "Dispatch",
    "Events",
    "Exported",
    "Feed",
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
    "Receipts",
    "Tenants",
    "Tickets",
]
