"""Stream: a URL becomes checked bytes that pass by and are stored nowhere."""

from collections.abc import Generator
from contextlib import closing
from itertools import chain
from typing import BinaryIO

from penstock.client.transfer.coding import accept_encoding, decoded
from penstock.client.transfer.connection import usable_url
from penstock.client.transfer.options import DEFAULT_OPTIONS, DownloadOptions
from penstock.client.transfer.outcome import Downloaded, Measured, compared, downloaded
from penstock.client.transfer.resumable import ResumableTransfer
from penstock.errors import TransferError


def stream(
    url: str, *, options: DownloadOptions = DEFAULT_OPTIONS
) -> Generator[bytes, None, Downloaded]:
    """Yield what `url` gives, decoded, and return what is known of it; nothing is stored.

    A broken connection is resumed as in `download`, as long as the content stays the same. Lazy:
    holds one piece. Close the generator to leave early.

    Raises SetupError and TransferError as `download` does; where the receipt disagrees, that is
    told only after the last byte was yielded.
    """
    address = usable_url(url)
    with options.connect(address) as connection:
        transfer = ResumableTransfer(
            connection,
            address,
            accept_encoding=accept_encoding(options.coding),
            accept=lambda _known, anew: _stay(transfer.position) if anew else None,
            retry=options.retry,
            report=options.report,
        )
        pieces = transfer.pieces()
        first = next(pieces, b"")
        plain = Measured(decoded(chain([first], pieces), transfer.known.coding))
        yield from plain
        stated = transfer.receipt()
        wrong = compared(transfer, stated, plain, sha256=options.sha256).wrong
        if wrong:
            raise TransferError(f"What arrived is not what the server sent: {wrong}.")
        return downloaded(transfer, stated, plain, path=None, sha256=options.sha256)


def download_to(
    url: str, file: BinaryIO, *, options: DownloadOptions = DEFAULT_OPTIONS
) -> Downloaded:
    """Write what `url` gives into an open file, decoded, as it arrives; see `stream`."""
    with closing(stream(url, options=options)) as pieces:
        while True:
            try:
                rest = memoryview(next(pieces))
            except StopIteration as end:
                result: Downloaded = end.value
                return result
            while rest:
                rest = rest[file.write(rest) :]


def _stay(position: int) -> None:
    if position:
        raise TransferError(
            f"The content changed, or can't be resumed, after {position:,} bytes had been passed "
            "on already: start again."
        )
