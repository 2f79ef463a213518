"""A tenant: an organisation whose datasets are served under its own hosts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """What one tenant's requests may cost; None is unlimited."""

    response_bytes: int | None = None
    """Bytes of one response, before content coding."""
    response_rows: int | None = None
    requests_per_minute: int | None = None
    """Requests of one key or one client address; None takes the service's default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """One organisation; `hosts` are exact, lower-case names without port or trailing dot."""

    id: str
    hosts: tuple[str, ...]
    title: str = ""
    caps: Caps = Caps()
