"""An API key: who asks, for which tenant, in which role, and until when."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Role = Literal["reader", "writer", "admin"]

_RANKS: Mapping[Role | None, int] = {None: 0, "reader": 1, "writer": 2, "admin": 3}

LIVE_KEYS = 2
"""Keys of one tenant and user that are live at once: the old one and its successor."""

_TOKEN = re.compile(r"pk_([a-z0-9]{8})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What is stored of a key: its public prefix and the SHA-256 of its secret, never the secret.

    The secret has 256 random bits, so a plain hash can't be searched backwards.
    """

    prefix: str
    secret_sha256: str
    tenant: str
    user: str
    role: Role
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None

    def is_live(self, now: datetime) -> bool:
        """Whether it opens anything at `now` (aware UTC)."""
        return self.revoked is None and (self.expires is None or now < self.expires)

    def opens_with(self, token: str) -> bool:
        """Whether `token` is this key, compared in constant time."""
        parts = split_token(token)
        if parts is None or parts[0] != self.prefix:
            return False
        return hmac.compare_digest(_digest(parts[1]), self.secret_sha256)


def new_key(
    *, tenant: str, user: str, role: Role, created: datetime, expires: datetime | None = None
) -> tuple[ApiKey, str]:
    """Make a key and the token to hand to its user, which is shown once and stored nowhere."""
    alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
    prefix = "".join(secrets.choice(alphabet) for _ in range(8))
    secret = secrets.token_urlsafe(32)
    key = ApiKey(
        prefix=prefix,
        secret_sha256=_digest(secret),
        tenant=tenant,
        user=user,
        role=role,
        created=created,
        expires=expires,
    )
    return key, f"pk_{prefix}_{secret}"


def split_token(token: str) -> tuple[str, str] | None:
    """Split a token into prefix and secret; None if it has not the form of one."""
    matched = _TOKEN.fullmatch(token)
    return (matched[1], matched[2]) if matched else None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def has_role(role: Role | None, *, least: Role | None) -> bool:
    """Whether a role allows what needs at least another one; None is to have, or to need, none."""
    return _RANKS[role] >= _RANKS[least]
