"""Ports of sockets: who may open one, and which jobs have news for those that are open."""

from dataclasses import dataclass
from typing import Protocol

from penstock.model.job import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Who listens: a user's own events, or all of the tenant's."""

    tenant: str
    user: str
    is_admin: bool


class Tickets(Protocol):
    """One-time tickets, known by their SHA-256 alone: each opens one socket, soon."""

    def put(self, ticket_sha256: str, listener: Listener, *, seconds: int) -> None:
        """Keep a ticket for so long, and no longer. Raises BusyError."""
        ...

    def take(self, ticket_sha256: str) -> Listener | None:
        """Give whose ticket it is, once; None if there is none, any more. Raises BusyError."""
        ...


class Feed(Protocol):
    """Which jobs changed, of all tenants, in the order in which they did."""

    def last_change(self) -> int:
        """Give the number of the last change: where to begin, to be told what comes."""
        ...

    def changes_after(self, change: int, *, limit: int) -> list[tuple[int, Job]]:
        """Give the jobs that changed after a change, each as it is now, with its last change."""
        ...
