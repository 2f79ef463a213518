"""Partial file: what a download grows in, and the note beside it that lets it go on later."""

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit, urlunsplit

from penstock.client.transfer.answers import Coding, KnownRepresentation, download_id, strong_etag
from penstock.errors import SetupError, TransferError

if sys.platform != "win32":
    import fcntl

READ_BYTES = 1 << 20
MOST_NOTE_BYTES = 1 << 16
_SIGNATURE = re.compile(r"(?:_(?:sig|kid|expires)|X-Amz-[A-Za-z-]+)(?:=.*)?")
"""Ours, and that of a presigned URL of S3 (Signature Version 4 in query parameters)."""


def url_digest(url: str) -> str:
    """Recognise a URL without keeping it, as it may hold a signature.

    A URL that was merely signed anew has the same digest, so its download can go on.
    """
    parts = urlsplit(url)
    kept = [item for item in parts.query.split("&") if not _SIGNATURE.fullmatch(item)]
    plain = urlunsplit(parts._replace(query="&".join(kept), fragment=""))
    return hashlib.sha256(plain.encode()).hexdigest()


def unfinished(folder: Path, digest: str) -> Path | None:
    """Find the file in `folder` that a download of this URL was going to make, if there is one."""
    for note in sorted(folder.glob("*.part.json")):
        if _read_note(note).get("url_sha256") == digest:
            return note.with_name(note.name.removesuffix(".part.json"))
    return None


class PartialFile:
    """`FILE.part`, locked while open, and `FILE.part.json`, which holds what is known of it.

    The note holds a digest of the URL, the ETag, the coding and the ids of receipts: neither the
    URL nor a key. How far the download came is the size of the part itself. Every write is in the
    file when the call returns, so a killed process loses nothing that it had received.
    """

    def __init__(self, target: Path, digest: str, *, replace: bool) -> None:
        """Open what is there for this URL, or begin anew.

        Raises SetupError if `target` may not be replaced, its folder is missing, another process
        is at work on it, or a part stands there that isn't one of ours.
        """
        # A link keeps pointing where it does: the file behind it is the one that is replaced.
        self.target = Path(os.path.realpath(target))
        self.path = self.target.with_name(f"{self.target.name}.part")
        self._note = self.target.with_name(f"{self.target.name}.part.json")
        self._decoded = self.target.with_name(f"{self.target.name}.part.out")
        self._digest = digest
        if self.target.exists() and not replace:
            raise SetupError(f"{target} exists already: name another file, or use --force.")
        self._file = _locked(self.path)
        self.size = os.fstat(self._file.fileno()).st_size
        if self.size and not self._note.exists() and not replace:
            self._file.close()
            raise SetupError(f"{self.path} is no part of ours: move it away, or use --force.")
        note = _read_note(self._note)
        self.known = _known(note) if note.get("url_sha256") == digest else None
        if self.known is None or self.known.etag is None:
            self.known = None
            self.size = 0
        self._file.seek(self.size)

    def close(self) -> None:
        """Let go of the part; one that was never begun is removed."""
        with suppress(OSError, ValueError):
            if not self._note.exists() and os.fstat(self._file.fileno()).st_size == 0:
                self.path.unlink(missing_ok=True)
        self._file.close()

    @property
    def can_go_on(self) -> bool:
        """Whether a later run may start behind the bytes that are there."""
        return self.size > 0 and self.known is not None and self.known.etag is not None

    def accept(self, known: KnownRepresentation, anew: bool) -> None:  # noqa: FBT001 - the shape of resumable.Accept
        """Note what is known of the bytes to come; `anew` drops those that are there."""
        with self._writing(self._note):
            if anew:
                self._file.seek(0)
                self._file.truncate()
                self.size = 0
                return
            self.known = known
            text = json.dumps(
                {
                    "url_sha256": self._digest,
                    "coding": known.coding,
                    "etag": known.etag,
                    "first_id": known.first_id,
                    "last_id": known.last_id,
                }
            )
            fresh = self._note.with_name(f"{self._note.name}.new")
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(self._note)

    def append(self, piece: bytes) -> None:
        """Write a piece behind the others. Raises TransferError, for one, if the disk is full."""
        with self._writing(self.path):
            _write_all(self._file, piece)
            self.size += len(piece)

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes that are there from the first on, in pieces of 1 MiB; holds one."""
        with self.path.open("rb") as file:
            left = self.size
            while left:
                piece = file.read(min(READ_BYTES, left))
                if not piece:
                    raise TransferError(f"{self.path} was cut off by another program.")
                left -= len(piece)
                yield piece

    def write_decoded(self, pieces: Iterable[bytes]) -> None:
        """Write what the file is to hold where that isn't the part as it arrived."""
        try:
            with self._writing(self._decoded), self._decoded.open("wb", buffering=0) as file:
                for piece in pieces:
                    _write_all(file, piece)
                os.fsync(file.fileno())
        except BaseException:
            # It can be made again from the part; half of it is of no use.
            self._decoded.unlink(missing_ok=True)
            raise

    def finish(self, *, decoded: bool) -> None:
        """Put the file in its place at once: the part itself, or what was written decoded.

        Whatever fails, the target is either as it was or whole.
        """
        with self._writing(self.target):
            if decoded:
                self._decoded.replace(self.target)
                self.path.unlink()
            else:
                os.fsync(self._file.fileno())
                self._move(self.target)
            self._note.unlink(missing_ok=True)

    def condemn(self) -> Path:
        """Keep bytes that proved wrong as `FILE.part.bad`, where no later run goes on from them."""
        bad = self.target.with_name(f"{self.target.name}.part.bad")
        self._decoded.unlink(missing_ok=True)
        with self._writing(bad):
            self._move(bad)
            self._note.unlink(missing_ok=True)
        return bad

    def _move(self, place: Path) -> None:
        if sys.platform == "win32":
            # An open file can't be moved there; elsewhere it stays locked until it is.
            self._file.close()
        self.path.replace(place)

    @contextmanager
    def _writing(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise TransferError(f"Can't write {path}: {error.strerror or error}.") from error


def _locked(path: Path) -> BinaryIO:
    while True:
        try:
            opened = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
            file = os.fdopen(opened, "r+b", buffering=0)
        except OSError as error:
            raise SetupError(f"Can't write {path}: {error.strerror}.") from error
        try:
            if sys.platform != "win32":
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Who held the lock until now may have moved the file to its final place.
            if path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
                return file
        except BlockingIOError as error:
            file.close()
            raise SetupError(f"Another download is writing {path} right now.") from error
        except BaseException:
            file.close()
            raise
        file.close()


def _write_all(file: BinaryIO, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        # An unbuffered file may take less than it is given, just before a disk is full.
        rest = rest[file.write(rest) :]


def _read_note(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            note = json.loads(file.read(MOST_NOTE_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return note if isinstance(note, dict) else {}


def _known(note: dict[str, object]) -> KnownRepresentation | None:
    codings: dict[object, Coding] = {"identity": "identity", "gzip": "gzip", "zstd": "zstd"}
    coding = codings.get(str(note.get("coding")))
    if coding is None:
        return None
    texts = {key: value for key, value in note.items() if isinstance(value, str)}
    return KnownRepresentation(
        coding=coding,
        etag=strong_etag(texts.get("etag")),
        first_id=download_id(texts.get("first_id")),
        last_id=download_id(texts.get("last_id")),
    )
