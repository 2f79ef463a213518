"""Identity: which tenant a request is for, who asks, and what they may see."""

import base64
import binascii
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from penstock.errors import BadKeyError, BadRequestError, BadSignatureError, UnknownDatasetError
from penstock.model.job import ANONYMOUS
from penstock.model.key import ApiKey, split_token
from penstock.model.query import SignatureClaim
from penstock.model.signature import url_signature_fits
from penstock.model.tenant import Tenant
from penstock.ports import Keys

Headers = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks: a tenant's visitor, with a live key of this tenant or without any."""

    tenant: Tenant
    key: ApiKey | None
    address: str

    @property
    def may_see_private(self) -> bool:
        """Whether private datasets are there for this asker: every role may read."""
        return self.key is not None


def host_of(headers: Headers, *, target_host: str | None) -> str:
    """Name the host that a request is for: lower-case, without port and trailing dot.

    `target_host` is the host of an absolute request target.

    Raises BadRequestError unless there is exactly one Host, of usable form, that agrees with the
    request target.
    """
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) != 1:
        raise BadRequestError("A request has exactly one Host header.")
    host = _bare_host(hosts[0].decode("latin-1"))
    if target_host is not None and _bare_host(target_host) != host:
        raise BadRequestError("The request target and the Host header name different hosts.")
    return host


def key_of(
    headers: Headers, keys: Keys, tenant: Tenant, *, basic: bool, now: datetime
) -> ApiKey | None:
    """Give the asker's key, from X-Api-Key or, with `basic`, the password of Basic credentials.

    None if no key is presented. Raises BadKeyError if one is that doesn't fit this tenant.
    """
    token = _token(headers, basic=basic)
    if token is None:
        return None
    parts = split_token(token)
    key = keys.find(parts[0]) if parts else None
    # One failure for all reasons, and the comparison of secrets takes constant time.
    if key is None or not (key.opens_with(token) and key.tenant == tenant.id and key.is_live(now)):
        raise BadKeyError
    return key


def require_visible(dataset: str, *, private: bool, asker: Asker, signed: bool) -> None:
    """Let an asker have a dataset, or say that there is none.

    Raises UnknownDatasetError: a private dataset looks like none to whom it isn't open.
    """
    if private and not (asker.may_see_private or signed):
        raise UnknownDatasetError(dataset)


def owns(asker: Asker, user: str | None) -> bool:
    """Whether what is this user's alone is there for an asker: the user, or an admin.

    What nobody's key asked for is no key's, whatever a key's user is called.
    """
    key = asker.key
    return key is not None and (key.role == "admin" or (key.user == user and user != ANONYMOUS))


def check_signature(
    claim: SignatureClaim, keys: Keys, *, tenant: str, path: str, now: datetime
) -> None:
    """Verify a signed URL's claim to a path (without its extension).

    Raises BadSignatureError if it is expired or altered; which part was altered isn't said.
    """
    if now.timestamp() >= claim.expires:
        raise BadSignatureError("has expired")
    for key in keys.signing_keys(tenant):
        if key.id == claim.key_id and url_signature_fits(
            key, claim.signature, tenant=tenant, path=path, expires=claim.expires
        ):
            return
    raise BadSignatureError("is not valid for this path")


def is_loopback(address: str) -> bool:
    """Whether a client address is of this machine."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _token(headers: Headers, *, basic: bool) -> str | None:
    presented = [value for name, value in headers if name == b"x-api-key"]
    if len(presented) > 1:
        raise BadRequestError("A request has at most one X-Api-Key header.")
    if presented:
        return presented[0].decode("latin-1").strip()
    if not basic:
        return None
    for name, value in headers:
        scheme, _, credentials = value.partition(b" ")
        if name == b"authorization" and scheme.lower() == b"basic":
            try:
                user_and_password = base64.b64decode(credentials.strip(), validate=True)
            except binascii.Error:
                raise BadKeyError from None
            return user_and_password.partition(b":")[2].decode("latin-1")
    return None


def _bare_host(text: str) -> str:
    host = text.strip().lower()
    if host.startswith("["):
        name, bracket, port = host.partition("]")
        host = name + bracket
        port = port.removeprefix(":")
    else:
        host, _, port = host.partition(":")
        host = host.removesuffix(".")
    if not host or (port and not port.isdigit()):
        raise BadRequestError("The Host header has not the form of a host name.")
    return host
