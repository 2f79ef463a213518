"""Encoded read: one run of the read behind an answer, as coded pieces and what is known of them."""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass

from penstock.errors import DatasetChangedError
from penstock.reading.beginning import Beginning, beginning_of
from penstock.reading.encoded import AnswerCaps, encode_batches, encoded, text_types
from penstock.reading.engine import Allowance
from penstock.reading.read_ahead import ahead
from penstock.reading.reader import Batch, Pace, Reader
from penstock.reading.tally import Tally
from penstock.web.downloads.dataset_request import OpenedDataset
from penstock.web.downloads.paging import HeldPage
from penstock.web.downloads.receipts import WholeRepresentation
from penstock.web.http.coding import Coding, coded
from penstock.web.http.ranges import ByteRange

_PIECES_AHEAD = 1


class LatePace:
    """The pace of a client that isn't connected yet: at once, until it is."""

    def __init__(self) -> None:
        self.client: Pace | None = None

    def is_slow(self) -> bool:
        """Whether the client, if there is one, has fallen behind."""
        return self.client is not None and self.client.is_slow()

    def wait(self) -> None:
        """Return once the client has caught up. Raises ScanCancelledError if it has left."""
        if self.client is not None:
            self.client.wait()


@dataclass(slots=True)
class EncodedRead:
    """One run of the read: its pieces as coded, and the tallies that they fill on their way."""

    pieces: Generator[bytes]
    pace: LatePace
    identity: Tally
    sent: Tally

    def prime(self) -> None:
        """Have the first piece made now, and held until it is asked for."""
        first = next(self.pieces, None)
        if first is not None:
            self.pieces = _behind(first, self.pieces)

    def whole(self) -> WholeRepresentation:
        """Say what went by; true of the whole representation once the pieces are at their end."""
        return WholeRepresentation(
            rows=self.identity.rows,
            size_bytes=self.sent.size_bytes,
            sha256=self.sent.sha256.hexdigest(),
            identity_bytes=self.identity.size_bytes,
            identity_sha256=self.identity.sha256.hexdigest(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedRead:
    """A read that has begun, and its pace, which will be the client's."""

    beginning: Beginning
    pace: LatePace


def begin(reader: Reader, opened: OpenedDataset, *, allowance: Allowance) -> StartedRead | None:
    """Begin to read what is sent in file order and isn't a page; None for all else.

    A page is held whole, and what is sorted or grouped is to be weighed before it is made. Raises
    what `scan` raises.
    """
    wanted = opened.query.slice
    if not wanted.in_file_order or wanted.page.limit is not None:
        return None
    pace = LatePace()
    text = text_types(opened.written)
    beginning = beginning_of(
        reader, opened.dataset, wanted, text=text, allowance=allowance, pace=pace
    )
    return StartedRead(beginning=beginning, pace=pace)


def new_read(
    reader: Reader,
    opened: OpenedDataset,
    *,
    begun: StartedRead | None,
    page: HeldPage | None,
    coding: Coding,
    allowance: Allowance,
    caps: AnswerCaps,
) -> EncodedRead:
    """Set a read up, of a page that is held, of what has begun or of the dataset.

    Nothing more is read until the first piece is asked for; pieces raise what `encoded` raises.
    """
    identity = Tally()
    pace = LatePace() if begun is None else begun.pace
    batches: Iterable[Batch] | None = None
    if page is not None:
        batches = page.batches
    elif begun is not None:
        batches = begun.beginning.taken()
    if batches is not None:
        pieces = encode_batches(
            batches,
            written=opened.written,
            style=opened.query.style,
            reader=reader,
            pace=pace,
            tally=identity,
            caps=caps,
        )
    else:
        pieces = encoded(
            reader,
            opened.dataset,
            opened.query.slice,
            written=opened.written,
            style=opened.query.style,
            allowance=allowance,
            pace=pace,
            tally=identity,
            caps=caps,
        )
    if coding == "identity":
        return EncodedRead(pieces, pace, identity, identity)
    sent = Tally()
    return EncodedRead(_compressed(pieces, coding, sent), pace, identity, sent)


def exactly(
    pieces: Generator[bytes], only: ByteRange, *, length: int, dataset: str, allowance: Allowance
) -> Iterator[bytes]:
    """Pass on one range of pieces that are to be `length` bytes together.

    What ends there is given last, once it is known that nothing follows: a length that was
    promised from an earlier answer never cuts this one short. Raises DatasetChangedError.
    """
    place = 0
    last = b""
    try:
        for piece in pieces:
            cut = piece[max(0, only.start - place) : max(0, only.stop - place)]
            place += len(piece)
            if place > length:
                break
            if place == length:
                last = last or cut
            elif cut:
                yield cut
            if only.stop <= place and only.stop < length:
                break
    finally:
        # A query that still looks for what lies behind is ended, not awaited.
        allowance.cancel()
        pieces.close()
    if place < only.stop or place > length:
        raise DatasetChangedError(dataset)
    if last:
        yield last


def _behind(first: bytes, pieces: Generator[bytes]) -> Generator[bytes]:
    held = [first]
    del first
    try:
        yield held.pop()
        yield from pieces
    finally:
        pieces.close()


def _compressed(pieces: Iterator[bytes], coding: Coding, sent: Tally) -> Generator[bytes]:
    """Compress in a thread beside the one that encodes."""
    side_by_side = ahead(pieces, depth=_PIECES_AHEAD)
    try:
        yield from sent.counted(coded(side_by_side, coding))
    finally:
        side_by_side.close()
