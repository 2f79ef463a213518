"""A CSV file's text: found to be UTF-8, or put into UTF-8, without ever being held whole."""

import codecs
import re
from pathlib import Path
from typing import BinaryIO

from penstock.errors import SetupError

BLOCK_BYTES = 1 << 20

_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UTF32_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)

_UTF8_BEYOND_ASCII = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
"""A letter in UTF-8 of several bytes: no text in Windows-1252 is likely to hold one."""


def utf8_text(source: Path, *, named: str, work: Path) -> Path:
    """Give a file with the text of `source` in UTF-8: itself, or a copy made in `work`.

    What isn't UTF-8 is read as UTF-16 if it has that mark, else as Windows-1252. A byte order mark
    of UTF-8 stays. Holds one block of 1 MiB.

    Raises SetupError, one line that begins with `named`, for an empty file, for a NUL (a sign of a
    file that isn't text), for bytes that Windows-1252 doesn't have, and where letters of UTF-8
    stand beside such that aren't.
    """
    with source.open("rb") as file:
        mark = file.read(4)
        file.seek(0)
        if not mark.removeprefix(codecs.BOM_UTF8):
            raise SetupError(f"{named} is empty: its first line must hold the column names.")
        if mark in _UTF32_MARKS:
            raise SetupError(f"{named} is UTF-32: save it as UTF-8.")
        if mark.startswith(_UTF16_MARKS):
            return _rewritten(file, "utf-16", named=named, work=work)
        broken_at = _first_broken_byte(file, named=named)
        if broken_at is None:
            return source
        file.seek(0)
        _refuse_mixture(file, broken_at, named=named)
        file.seek(0)
        return _rewritten(file, "cp1252", named=named, work=work)


def _first_broken_byte(file: BinaryIO, *, named: str) -> int | None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    done = 0
    while block := file.read(BLOCK_BYTES):
        _refuse_nul(block, done, named=named)
        waiting = len(decoder.getstate()[0])
        try:
            decoder.decode(block)
        except UnicodeDecodeError as error:
            return done - waiting + error.start
        done += len(block)
    waiting = len(decoder.getstate()[0])
    return done - waiting if waiting else None


def _refuse_mixture(file: BinaryIO, broken_at: int, *, named: str) -> None:
    tail = b""
    while block := file.read(BLOCK_BYTES):
        if _UTF8_BEYOND_ASCII.search(tail + block):
            raise SetupError(
                f"{named} is neither UTF-8 nor Windows-1252 throughout: byte {broken_at:,} is no "
                "UTF-8 and other letters are. Save it as UTF-8."
            )
        tail = block[-3:]


def _rewritten(file: BinaryIO, encoding: str, *, named: str, work: Path) -> Path:
    target = work / "text.csv"
    decoder = codecs.getincrementaldecoder(encoding)()
    done = 0
    with target.open("wb") as copy:
        while True:
            block = file.read(BLOCK_BYTES)
            waiting = len(decoder.getstate()[0])
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                at = done - waiting + error.start
                raise SetupError(
                    f"{named}: byte {at:,} can be read neither as UTF-8 nor as "
                    f"{_SPOKEN[encoding]}. Save it as UTF-8."
                ) from error
            content = text.encode()
            _refuse_nul(content, done, named=named)
            copy.write(content)
            done += len(block)
            if not block:
                return target


_SPOKEN = {"cp1252": "Windows-1252", "utf-16": "UTF-16"}


def _refuse_nul(block: bytes, before: int, *, named: str) -> None:
    at = block.find(b"\0")
    if at >= 0:
        raise SetupError(
            f"{named} holds a NUL at byte {before + at:,}, so it isn't a text file: "
            "save it as CSV in UTF-8."
        )
