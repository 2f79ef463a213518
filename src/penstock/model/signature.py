"""Signatures: pure HMAC-SHA256 over what a signed URL or a cursor must not be changed in."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field

LIVE_SIGNING_KEYS = 2
"""Keys of one tenant that sign and open at once: the old one and its successor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """One of a tenant's signing keys; two are live while they rotate, and the first one signs."""

    id: str
    secret: bytes = field(repr=False)


def sign_url(key: SigningKey, *, tenant: str, path: str, expires: int) -> str:
    """Sign a dataset's path (without its extension) until `expires` (seconds since the epoch)."""
    return _text(_mac(key, "url", tenant, path, str(expires), key.id))


def url_signature_fits(
    key: SigningKey, signature: str, *, tenant: str, path: str, expires: int
) -> bool:
    """Whether `signature` is the one of these, compared in constant time."""
    good = sign_url(key, tenant=tenant, path=path, expires=expires)
    return hmac.compare_digest(good.encode(), signature.encode())


def seal(key: SigningKey, payload: bytes, *, context: str) -> str:
    """Make a URL-safe token of a payload that opens only under the same key and context."""
    mac = _mac(key, "seal", context, payload.hex())[:16]
    return _text(mac + payload)


def unseal(key: SigningKey, token: str, *, context: str) -> bytes | None:
    """Give a sealed payload back; None if the token is damaged or not of this key and context."""
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except ValueError:
        return None
    mac, payload = raw[:16], raw[16:]
    good = _mac(key, "seal", context, payload.hex())[:16]
    return payload if _text(raw) == token and hmac.compare_digest(good, mac) else None


def pseudonym(key: SigningKey, text: str, *, context: str) -> str:
    """Name what must not be stored itself: the same under one key and context, and not undone."""
    return _text(_mac(key, "pseudonym", context, text)[:16])


def _mac(key: SigningKey, *parts: str) -> bytes:
    # Each part is preceded by its length: no two lists of parts give one message.
    message = b"".join(f"{len(part.encode())}:".encode() + part.encode() for part in parts)
    return hmac.new(key.secret, message, hashlib.sha256).digest()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
