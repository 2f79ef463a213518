"""The edge: what a trusted one in front says of a request, in the place of what it hides.

It calls under a host of its own, from addresses of its own, and takes content codings out of the
request that it doesn't know itself.
"""

import re

from starlette.types import Scope

_TENANT_HOST = b"x-tenant-host"
_TAKES_ZSTD = b"x-accept-zstd"
_VIEWER_ADDRESS = b"cloudfront-viewer-address"
_VIEWER_SCHEME = b"x-forwarded-proto"
_SAID_BY_EDGE = frozenset({_TENANT_HOST, _TAKES_ZSTD, _VIEWER_ADDRESS})
_PORT = re.compile(r"[0-9]{1,5}")


def believed(scope: Scope, *, trusted: bool) -> Scope:
    """Give a request as its client made it, if the edge's headers are trusted; else without them.

    `x-tenant-host` becomes the Host (none without it), `x-accept-zstd: 1` adds to Accept-Encoding,
    and the address in `cloudfront-viewer-address` becomes the client's. `x-forwarded-proto: https`
    tells that the client asked by https, whatever the edge asks by.
    """
    headers: list[tuple[bytes, bytes]] = [(name, value) for name, value in scope["headers"]]
    said = [pair for pair in headers if pair[0] in _SAID_BY_EDGE]
    if not (said or trusted):
        return scope
    kept = [pair for pair in headers if pair[0] not in _SAID_BY_EDGE]
    if not trusted:
        return {**scope, "headers": kept}
    hosts = [(b"host", value) for name, value in said if name == _TENANT_HOST]
    kept = [pair for pair in kept if pair[0] != b"host"]
    if (_TAKES_ZSTD, b"1") in said:
        taken = [value for name, value in kept if name == b"accept-encoding"]
        kept = [pair for pair in kept if pair[0] != b"accept-encoding"]
        kept.append((b"accept-encoding", b", ".join([*taken, b"zstd"])))
    seen = {**scope, "headers": [*hosts, *kept]}
    if scope["type"] == "http" and (_VIEWER_SCHEME, b"https") in kept:
        seen["scheme"] = "https"
    addresses = [value for name, value in said if name == _VIEWER_ADDRESS]
    if len(addresses) == 1:
        seen["client"] = _client(addresses[0].decode("latin-1"))
    return seen


def _client(address_and_port: str) -> tuple[str, int]:
    """Split an address from the port behind its last colon; IPv6 has none or square brackets."""
    address, _, port = address_and_port.rpartition(":")
    return address.strip("[]"), int(port) if _PORT.fullmatch(port) else 0
