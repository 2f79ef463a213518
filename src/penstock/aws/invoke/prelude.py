"""Preludes: what a streamed answer says ahead of its body."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

from penstock.aws.runtime.function_url import PRELUDE_ENDS
from penstock.errors import FunctionError

_MOST_BYTES = 131_072
"""A prelude that is longer is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prelude:
    """Status, headers by lower-case name, and the values of Set-Cookie."""

    status: int
    headers: dict[str, str]
    cookies: tuple[str, ...]


def parse_prelude(said: bytes) -> Prelude:
    """Read a prelude, without the bytes that end it.

    Raises FunctionError if it is none.
    """
    try:
        read = json.loads(said)
        return Prelude(
            status=int(read.get("statusCode", 200)),
            headers={str(name).lower(): str(value) for name, value in read["headers"].items()},
            cookies=tuple(map(str, read.get("cookies") or ())),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FunctionError(
            "Runtime.InvalidPrelude", "the answer has no readable prelude"
        ) from error


async def after_prelude(pieces: AsyncIterator[bytes]) -> tuple[Prelude, AsyncIterator[bytes]]:
    """Read the prelude off a stream; gives the body's pieces, as they come.

    Raises FunctionError if the stream does not begin with a prelude.
    """
    held = bytearray()
    async for piece in pieces:
        held += piece
        said, ended, first = held.partition(PRELUDE_ENDS)
        if ended:
            return parse_prelude(bytes(said)), _body(bytes(first), pieces)
        if len(held) > _MOST_BYTES:
            break
    raise FunctionError("Runtime.InvalidPrelude", "the answer has no prelude")


async def _body(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for piece in pieces:
        yield piece
