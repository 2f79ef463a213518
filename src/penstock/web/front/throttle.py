"""The throttle: how many requests one key or one client address may make."""

import ipaddress
import math
import time

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from penstock.errors import RateLimitedError
from penstock.web.front.identity import Asker, is_loopback

_WINDOW_SECONDS = 60
_IPV6_PREFIX = 64


def network_of(address: str) -> str:
    """Give what of a client's address is counted; a text that is no address is counted as it is."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    mapped = parsed.ipv4_mapped
    if mapped is not None:
        return str(mapped)
    return str(ipaddress.ip_network((int(parsed), _IPV6_PREFIX), strict=False))


class Throttle:
    """Counts requests within a moving minute, in this process; thread-safe.

    A key and an address count on their own; of IPv6 a network of 64 bits, which one client has as a
    whole (RFC 6177). Loopback addresses are not limited, keys are.
    """

    def __init__(self, *, requests_per_minute: int) -> None:
        self._default = requests_per_minute
        self._windows = MovingWindowRateLimiter(MemoryStorage())

    def count(self, asker: Asker) -> tuple[dict[str, str], RateLimitedError | None]:
        """Count one request; gives the RateLimit headers, and the error if nothing was left."""
        own = asker.tenant.caps.requests_per_minute
        allowed = self._default if own is None else own
        if allowed == 0 or (asker.key is None and is_loopback(asker.address)):
            return {}, None
        who = f"key:{asker.key.prefix}" if asker.key else f"address:{network_of(asker.address)}"
        limit = RateLimitItemPerMinute(allowed)
        is_within = self._windows.hit(limit, asker.tenant.id, who)
        remaining = self._windows.get_window_stats(limit, asker.tenant.id, who).remaining
        left = self._seconds_left(limit, asker.tenant.id, who)
        headers = {
            "ratelimit-limit": str(allowed),
            "ratelimit-remaining": str(remaining),
            "ratelimit-reset": str(left),
        }
        if is_within:
            return headers, None
        return headers, RateLimitedError(
            limit=allowed, window_seconds=_WINDOW_SECONDS, retry_after_seconds=left
        )

    def _seconds_left(self, limit: RateLimitItem, *who: str) -> int:
        resets = self._windows.get_window_stats(limit, *who).reset_time
        return max(1, math.ceil(resets - time.time()))
