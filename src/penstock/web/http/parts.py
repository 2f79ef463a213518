"""Parts: the whole, one range or several ranges of a body whose length is known (RFC 9110, 14)."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from penstock.web.http.ranges import ByteRange, within

Read = Callable[[int, int], Iterator[bytes]]
"""Yields the bytes from a place to before another."""

AskedRanges = tuple[tuple[int | None, int | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyPart:
    """What is sent of a body: status, the headers that say so, and the bytes."""

    status: int
    headers: dict[str, str]
    pieces: Callable[[], Iterator[bytes]]


def part_of(read: Read, *, length: int, media_type: str, ranges: AskedRanges | None) -> BodyPart:
    """Cut the asked ranges out of a body; without any, the whole is sent.

    Several ranges become multipart/byteranges, unless they are more than the whole, which is sent
    then. Raises RangeNotSatisfiableError.
    """
    if ranges is None:
        return BodyPart(
            status=200,
            headers={"content-length": str(length), "accept-ranges": "bytes"},
            pieces=lambda: read(0, length),
        )
    fitting = within(ranges, length=length)
    if sum(each.stop - each.start for each in fitting) > length:
        # Ranges that overlap would make more of the body than there is (RFC 9110, 14.2).
        return part_of(read, length=length, media_type=media_type, ranges=None)
    if len(fitting) == 1:
        only = fitting[0]
        return BodyPart(
            status=206,
            headers={
                "content-length": str(only.stop - only.start),
                "content-range": only.content_range(length),
                "accept-ranges": "bytes",
            },
            pieces=lambda: read(only.start, only.stop),
        )
    return _multipart(read, fitting, length=length, media_type=media_type)


def _multipart(
    read: Read, fitting: tuple[ByteRange, ...], *, length: int, media_type: str
) -> BodyPart:
    boundary = secrets.token_hex(16)
    heads = [
        (
            f"\r\n--{boundary}\r\nContent-Type: {media_type}\r\n"
            f"Content-Range: {each.content_range(length)}\r\n\r\n"
        ).encode()
        for each in fitting
    ]
    tail = f"\r\n--{boundary}--\r\n".encode()

    def pieces() -> Iterator[bytes]:
        for head, each in zip(heads, fitting, strict=True):
            # A read that fails at once fails before the status is sent.
            body = read(each.start, each.stop)
            yield head + next(body)
            yield from body
        yield tail

    size = sum(each.stop - each.start for each in fitting) + sum(map(len, heads)) + len(tail)
    return BodyPart(
        status=206,
        headers={
            "content-length": str(size),
            "content-type": f"multipart/byteranges; boundary={boundary}",
            "accept-ranges": "bytes",
        },
        pieces=pieces,
    )
