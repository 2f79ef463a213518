"""A tenant: an organisation whose datasets are served under its own hosts."""

import ipaddress
import re
from dataclasses import dataclass

ID_FORM = "use 1 to 63 of a-z, 0-9 and -, a letter or digit first"
HOST_FORM = (
    "write it in lower case, without scheme, port, path or trailing dot (names with other letters "
    "in their xn-- form)"
)
"""How to mend an id, and a host, that is none."""

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LONGEST_HOST = 253
"""RFC 1035, section 2.3.4, as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """What one tenant's requests may cost; None is unlimited."""

    response_bytes: int | None = None
    """Bytes of one response, before content coding."""
    response_rows: int | None = None
    requests_per_minute: int | None = None
    """Requests of one key or one client address; None takes the service's default."""
    anonymous_exports: bool = False
    """Whether visitors without a key may have slices of public datasets exported."""
    anonymous_export_rows: int | None = None
    anonymous_export_bytes: int | None = None
    """What one such export may hold; bytes as the largest of its formats would have them."""
    anonymous_jobs: int = 8
    """How many jobs of all such visitors may be under way at once."""
    anonymous_jobs_per_address: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """One organisation; `hosts` are exact, lower-case names without port or trailing dot."""

    id: str
    hosts: tuple[str, ...]
    title: str = ""
    caps: Caps = Caps()


def is_tenant_id(text: str) -> bool:
    """Whether a tenant may have this id (1 to 63 of `a-z0-9-`, a letter or digit first)."""
    return _ID.fullmatch(text) is not None


def is_host(text: str) -> bool:
    """Whether this is a host as requests are compared with: lower-case, no port, no trailing dot.

    A name of RFC 1123, an IPv4 address, or an IPv6 address in brackets as RFC 5952 writes it.
    """
    if text.startswith("[") and text.endswith("]"):
        try:
            return str(ipaddress.IPv6Address(text[1:-1])) == text[1:-1]
        except ValueError:
            return False
    return len(text) <= _LONGEST_HOST and _HOST.fullmatch(text) is not None
