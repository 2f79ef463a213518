"""Download: a URL becomes a whole, checked file."""

from contextlib import closing
from pathlib import Path

from penstock.client.files.partial_file import PartialFile, url_digest
from penstock.client.files.target import DownloadTarget
from penstock.client.transfer.coding import accept_encoding, decoded
from penstock.client.transfer.connection import usable_url
from penstock.client.transfer.options import DEFAULT_OPTIONS, DownloadOptions
from penstock.client.transfer.outcome import Downloaded, Measured, compared, downloaded
from penstock.client.transfer.resumable import ResumableTransfer
from penstock.client.transfer.stream import download_to
from penstock.errors import TransferError


def download(
    url: str, target: Path | None = None, *, options: DownloadOptions = DEFAULT_OPTIONS
) -> Downloaded:
    """Make the file `target` hold what `url` gives, whole and checked, or leave it as it was.

    Without a target, or with a folder for one, the server names the file (its base name only).
    The coded bytes grow in `FILE.part`; whatever interrupts that, the next call with the same URL
    goes on behind them as long as the server's strong ETag is the same. At the end they are
    compared with the server's receipt, decoded beside the file if need be, and moved into place.
    Memory held: one piece of 64 KiB (1 MiB while the part is read again).

    Raises SetupError where nothing can be begun (URL, folder, file exists), TransferError when the
    download can't be completed (its fact `kept` is how many bytes stay). Bytes that contradict the
    receipt are kept as `FILE.part.bad`.
    """
    if target is not None and target.exists() and not (target.is_file() or target.is_dir()):
        # A pipe or a device: there is nothing to put in its place.
        with target.open("wb", buffering=0) as device:
            return download_to(url, device, options=options)
    address = usable_url(url)
    digest = url_digest(str(address))
    with (
        options.connect(address) as connection,
        closing(DownloadTarget(target, address, digest, replace=options.replace)) as growing,
    ):
        transfer = ResumableTransfer(
            connection,
            address,
            accept_encoding=accept_encoding(options.coding),
            accept=growing.accept,
            retry=options.retry,
            report=options.report,
            begun=growing.begun(options.report),
        )
        try:
            for piece in transfer.pieces():
                growing.opened.append(piece)
            return _completed(transfer, growing.opened, options)
        except TransferError as error:
            part = growing.part
            if part is None or not part.can_go_on or not part.path.exists():
                raise
            raise TransferError(
                f"{error.detail} {part.size:,} bytes are kept: {options.again} goes on there.",
                **{**error.facts, "kept": part.size},
            ) from error


def _completed(
    transfer: ResumableTransfer, part: PartialFile, options: DownloadOptions
) -> Downloaded:
    stated = transfer.receipt()
    coding = transfer.known.coding
    # As coded first: what is wrong there isn't worth decoding.
    wrong = compared(transfer, stated, None, sha256=options.sha256).wrong
    plain = None
    if not wrong and coding != "identity":
        plain = Measured(decoded(part.pieces(), coding), options.report)
        try:
            part.write_decoded(plain)
        except TransferError as error:
            if not plain.damaged:
                raise
            wrong = error.detail
        else:
            wrong = compared(transfer, stated, plain, sha256=options.sha256).wrong
    if wrong:
        bad = part.condemn()
        raise TransferError(
            f"What arrived is not what the server sent: {wrong}. "
            f"It is kept as {bad}; {options.again} starts again from zero."
        )
    part.finish(decoded=plain is not None)
    return downloaded(transfer, stated, plain, path=part.target, sha256=options.sha256)
