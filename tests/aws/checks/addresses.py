"""Addresses: the function learns the viewer's own address and host, whatever a client claims.

What can be seen of an address is how its requests are counted: each answer's `ratelimit-remaining`
is one less than the last one's from the same address, as counted by one process of the function.
"""

import secrets

from tests.aws.doors import Answer, Door
from tests.aws.findings import CheckFailedError, require
from tests.aws.tables import numbers_csv

_OK = 200
_NOT_FOUND = 404
_THROUGH_THE_EDGE = 12
_DIRECT = 8


def the_viewers_address_counts(edge: Door, function: Door, *, own_address: str) -> None:
    """See that requests through the edge count for our own address, and for none that we claim.

    `function` is the same service without the edge, where the address is whatever we say.

    Raises CheckFailedError.
    """
    own = {"cloudfront-viewer-address": f"{own_address}:4711"}
    before = _used(_counted(function, own))
    through = [
        _used(_counted(edge, {"cloudfront-viewer-address": f"192.0.2.{number}:4711"}))
        for number in range(1, _THROUGH_THE_EDGE + 1)
    ]
    require(
        max(through) > 1,
        "Requests that claim different addresses are counted apart: the edge passes on what a "
        "client says of its address.",
    )
    stranger = _used(_counted(function, {"cloudfront-viewer-address": _unused_address()}))
    require(
        stranger == 1,
        f"The first request of an address is counted as number {stranger}: the function doesn't "
        "count by the address that the edge tells it.",
    )
    direct = [_used(_counted(function, own)) for _ in range(_DIRECT)]
    # Two processes count apart, so one of the answers is enough.
    require(
        any(used > before + number for number, used in enumerate(direct, 1)),
        f"Requests through the edge are not counted for {own_address}, from where they came: the "
        "function learns another address. (So it looks, too, if this network has several "
        "addresses, or the function so many processes that each saw few requests.)",
    )


def claimed_hosts_are_ignored(edge: Door, function: Door) -> None:
    """See that `x-tenant-host` decides whose data is served, and that only the edge writes it.

    Raises CheckFailedError.
    """
    nobody = f"{secrets.token_hex(8)}.example"
    direct = _fresh(function, {"x-tenant-host": nobody})
    require(
        direct.status == _NOT_FOUND,
        f"The function answers {direct.status} for a host that nobody has.",
    )
    through = _fresh(edge, {"x-tenant-host": nobody})
    require(
        through.status == _OK and through.decoded == numbers_csv(range(3)),
        f"A client that claims another host gets {through.status}: the edge passes its claim on.",
    )


def _counted(door: Door, headers: dict[str, str]) -> Answer:
    """Ask for what isn't there: an answer that caches keep doesn't tell how it was counted."""
    answer = door.ask(f"/nothing-{secrets.token_hex(8)}.csv", headers)
    require(
        answer.status == _NOT_FOUND,
        f"A request with {headers} was answered with {answer.status}.",
    )
    return answer


def _fresh(door: Door, headers: dict[str, str]) -> Answer:
    """Ask what nobody asked before, so that no cache answers."""
    return door.ask(f"/numbers.csv?n__lt=3&word__not={secrets.token_hex(8)}", headers)


def _used(answer: Answer) -> int:
    """How manieth request of its address this was, for the process that answered it."""
    try:
        limit = int(answer.headers["ratelimit-limit"])
        return limit - int(answer.headers["ratelimit-remaining"])
    except (KeyError, ValueError) as error:
        raise CheckFailedError(
            "An answer has no ratelimit headers to tell addresses by."
        ) from error


def _unused_address() -> str:
    """Make an address in a network of 64 bits that no request came from, since that is counted.

    RFC 3849: for documentation alone.
    """
    network = f"{secrets.randbelow(0x10000):x}:{secrets.randbelow(0x10000):x}"
    return f"[2001:db8:{network}::1]:4711"
