"""Byte ranges: which bytes of an answer a client asks for (RFC 9110, section 14)."""

import re
from dataclasses import dataclass

from penstock.errors import RangeNotSatisfiableError

_ONE = re.compile(r"(\d*)-(\d*)")
_MOST_RANGES = 32
_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes from `start` to before `stop`."""

    start: int
    stop: int

    def content_range(self, length: int) -> str:
        """Write it for a Content-Range header."""
        return f"bytes {self.start}-{self.stop - 1}/{length}"


def parse_ranges(header: str | None) -> tuple[tuple[int | None, int | None], ...] | None:
    """Read a Range header into (first, last) pairs; (None, n) is the last n bytes.

    None if there is none, or one that isn't understood and so is to be ignored: another unit, bad
    syntax, or so many ranges that answering them would cost more than the whole.
    """
    if header is None:
        return None
    unit, _, listed = header.partition("=")
    if unit.strip().lower() != "bytes":
        return None
    asked = []
    for part in listed.split(","):
        matched = _ONE.fullmatch(part.strip())
        if matched is None or part.strip() == "-":
            return None
        if any(len(digits) > _MOST_DIGITS for digits in matched.groups()):
            return None
        first, last = (int(digits) if digits else None for digits in matched.groups())
        if first is not None and last is not None and last < first:
            return None
        asked.append((first, last))
    return tuple(asked) if 0 < len(asked) <= _MOST_RANGES else None


def within(
    asked: tuple[tuple[int | None, int | None], ...], *, length: int
) -> tuple[ByteRange, ...]:
    """Fit asked ranges into an answer of `length` bytes, in the order asked.

    Raises RangeNotSatisfiableError if none has a byte there.
    """
    fitting = []
    for first, last in asked:
        if first is None:
            start, stop = max(0, length - (last or 0)), length
        else:
            start, stop = first, length if last is None else min(last + 1, length)
        if start < stop:
            fitting.append(ByteRange(start, stop))
    if not fitting:
        raise RangeNotSatisfiableError(length=length)
    return tuple(fitting)
