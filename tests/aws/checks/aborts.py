"""Aborts: an answer that breaks off is a failed download, and nothing of it is kept."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import takewhile

from tests.aws.doors import Door, is_hit
from tests.aws.findings import CheckFailedError, require
from tests.aws.programs import Httpx, Program

_OK = 200
_PARTIAL = 206
_ERRORS = 400
_LOOK_BYTES = 2_000_000


class Arriving:
    """Compares what arrives with what has to, in one piece of memory."""

    def __init__(self, truth: Iterable[bytes]) -> None:
        self._truth = iter(truth)
        self._due = b""
        self.size_bytes = 0
        self.differs_at: int | None = None

    def add(self, piece: bytes) -> None:
        """Compare what came next."""
        place = 0
        while place < len(piece) and self.differs_at is None:
            if not self._due:
                self._due = next(self._truth, b"")
            size = min(len(self._due), len(piece) - place)
            if size == 0 or self._due[:size] != piece[place : place + size]:
                same = takewhile(
                    lambda pair: pair[0] == pair[1], zip(self._due, piece[place:], strict=False)
                )
                self.differs_at = self.size_bytes + place + sum(1 for _ in same)
            self._due = self._due[size:]
            place += size
        self.size_bytes += len(piece)

    def is_whole(self) -> bool:
        """Whether everything that has to arrive did, and nothing else."""
        return self.differs_at is None and not self._due and next(self._truth, b"") == b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A download that failed as it has to."""

    program: str
    size_bytes: int
    seconds: float
    said: str

    def __str__(self) -> str:
        return (
            f"{self.program}: broke off after {self.size_bytes:,} bytes in {self.seconds:.1f} s "
            f"({self.said})"
        )


def breaks_off(
    door: Door,
    path: str,
    program: Program,
    *,
    truth: Iterable[bytes],
    then: Callable[[], object] = lambda: None,
    after_bytes: int = 1,
) -> Broken:
    """See a download fail: not end cleanly while short, nor hold a wrong byte, nor hang.

    `then` is called once `after_bytes` have come, and is what makes the answer impossible to
    finish; without it, the answer is more than may be sent.

    Raises CheckFailedError, also if the answer came whole, since nothing was learnt then.
    """
    arriving = Arriving(truth)
    acted = False
    began = time.monotonic()

    def onto(piece: bytes) -> bool:
        nonlocal acted
        arriving.add(piece)
        if not acted and arriving.size_bytes >= after_bytes:
            acted = True
            then()
        return True

    ended = program.take(door, path, onto)
    seconds = time.monotonic() - began
    require(
        ended.status == _OK,
        f"{path} was answered with {ended.status} from the start, so nothing could break off.",
    )
    require(arriving.differs_at is None, f"{path} holds a wrong byte at {arriving.differs_at}.")
    if ended.broken is None:
        require(
            not arriving.is_whole(),
            f"{path} came whole to {program.name}: nothing broke off, so nothing is known.",
        )
        raise CheckFailedError(
            f"{program.name} takes {path} for whole after {arriving.size_bytes:,} bytes, and it is "
            "a part."
        )
    require(acted, f"{path} broke off after {arriving.size_bytes:,} bytes, before its time.")
    return Broken(
        program=program.name,
        size_bytes=arriving.size_bytes,
        seconds=seconds,
        said=ended.broken,
    )


def keeps_nothing_of_it(
    edge: Door, path: str, *, truth: Callable[[], Iterable[bytes]], length: int
) -> list[str]:
    """Ask again for what has just broken off: the answer is whole, or fails, and isn't kept.

    `truth` is what has to come now, and `length` how much that is. Of a long answer 2 MB are read,
    and it may break off again. Gives what the edge said of its cache.

    Raises CheckFailedError.
    """
    first = _look(edge, path, truth(), length)
    require(
        not is_hit(first),
        f"{path} had never been sent whole, and the edge has it: “{first}”.",
    )
    return [first, _look(edge, path, truth(), length), look_at_a_range(edge, path, truth, length)]


def _look(edge: Door, path: str, truth: Iterable[bytes], length: int) -> str:
    arriving = Arriving(truth)

    def onto(piece: bytes) -> bool:
        arriving.add(piece)
        return arriving.size_bytes < _LOOK_BYTES

    ended = Httpx().take(edge, path, onto)
    said = ended.headers.get("x-cache", "")
    require(bool(said), f"{path} came without X-Cache: there is no edge in front.")
    if ended.status >= _ERRORS:
        return said
    require(arriving.differs_at is None, f"{path} is wrong when asked for again.")
    told = ended.headers.get("content-length")
    require(
        told is None or int(told) == length,
        f"{path} is said to have {told} bytes when asked for again, and has {length}.",
    )
    if ended.broken is None and arriving.size_bytes < _LOOK_BYTES:
        require(
            arriving.is_whole(),
            f"{path} ends cleanly after {arriving.size_bytes:,} bytes when asked for again.",
        )
    return said


def look_at_a_range(
    edge: Door, path: str, truth: Callable[[], Iterable[bytes]], length: int
) -> str:
    """Ask for a range, which a cache cuts out of what it has: it then tells how much that is.

    Gives what the edge said of its cache. Raises CheckFailedError if it isn't all there is.
    """
    arriving = Arriving(truth())

    def onto(piece: bytes) -> bool:
        arriving.add(piece)
        return arriving.size_bytes < _LOOK_BYTES

    ended = Httpx().take(edge, path, onto, headers={"range": "bytes=0-99"})
    if ended.status in (_OK, _PARTIAL):
        require(arriving.differs_at is None, f"A range of {path} is wrong.")
    if ended.status == _PARTIAL:
        total = ended.headers.get("content-range", "").rpartition("/")[2]
        require(
            total == str(length),
            f"A range of {path} is said to be of {total} bytes, and there are {length}.",
        )
    return ended.headers.get("x-cache", "")
