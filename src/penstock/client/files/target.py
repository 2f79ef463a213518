"""Target: where a download's file is going to be, and the part that it grows in."""

import hashlib
from pathlib import Path

import httpx

from penstock.client.files.partial_file import PartialFile, unfinished
from penstock.client.transfer.answers import KnownRepresentation
from penstock.client.transfer.file_names import name_in_path
from penstock.client.transfer.progress import Progress, Report
from penstock.client.transfer.resumable import PartialContent
from penstock.errors import SetupError, TransferError


class DownloadTarget:
    """Where the file is going to be, which may be known only when the server has named it."""

    def __init__(
        self, target: Path | None, address: httpx.URL, digest: str, *, replace: bool
    ) -> None:
        self._address = address
        self._digest = digest
        self._replace = replace
        self._folder = Path() if target is None else target
        file = target
        if target is None or target.is_dir():
            file = unfinished(self._folder, digest)
        self.part: PartialFile | None = None
        if file is not None:
            if not file.parent.is_dir():
                raise SetupError(f"There is no folder {file.parent}.")
            self.part = PartialFile(file, digest, replace=replace)

    @property
    def opened(self) -> PartialFile:
        """The part, once an answer was accepted."""
        if self.part is None:
            raise TransferError("The server sent bytes before any headers.")
        return self.part

    def accept(self, known: KnownRepresentation, anew: bool) -> None:  # noqa: FBT001 - the shape of resumable.Accept
        """Open the part under the name that the server gives, if need be, and note the answer."""
        if self.part is None and not anew:
            name = known.file_name or name_in_path(self._address.path)
            self.part = PartialFile(self._folder / name, self._digest, replace=self._replace)
            self.part.accept(known, True)
        if self.part is not None:
            self.part.accept(known, anew)

    def begun(self, report: Report) -> PartialContent | None:
        """Read again what an earlier run left, in pieces of 1 MiB; None if there is nothing."""
        part = self.part
        if part is None or part.known is None or part.size == 0:
            return None
        digest = hashlib.sha256()
        done = 0
        for piece in part.pieces():
            digest.update(piece)
            done += len(piece)
            report(Progress(phase="checking", done_bytes=done, total_bytes=part.size))
        return PartialContent(known=part.known, position=part.size, digest=digest)

    def close(self) -> None:
        """Let go of the part."""
        if self.part is not None:
            self.part.close()
