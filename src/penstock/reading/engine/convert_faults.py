"""Faults in a CSV file: whether its quoting is to be trusted, and which line is the first bad one.

RFC 4180 section 2 is the measure: a field that begins with a quote ends with one, quotes in it are
doubled, and every record has as many fields as the header. A quote within a field that doesn't
begin with one is an ordinary character.
"""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock.reading.engine.convert_text import BLOCK_BYTES

LONGEST_RECORD_BYTES = 64 << 20
"""A record above this is taken for a quote that was never closed."""

_BOM = b"\xef\xbb\xbf"


def quoting_is_plain(text: Path, *, delimiter: str) -> bool:
    """Whether each quote opens or closes a whole field, or is doubled within one.

    Decides in a tenth of a parser's time what is true of nearly every file; False only says that
    `first_fault` must look. Holds a block of 1 MiB and the line that it ends in.
    """
    # Every byte is a quote, a border of a field, or an ordinary character x. Cut at its quotes, a
    # plain text is outside and inside in turn, and outside only borders touch a quote.
    table = bytearray(b"x" * 256)
    table[ord('"')] = ord('"')
    for border in f"{delimiter}\r\n":
        table[ord(border)] = ord(",")
    inside = False
    with text.open("rb") as file:
        if file.read(len(_BOM)) != _BOM:
            file.seek(0)
        while block := file.read(BLOCK_BYTES):
            line_end = file.readline(LONGEST_RECORD_BYTES)
            pieces = (block + line_end).translate(table).split(b'"')
            outside = b'"'.join(pieces[inside::2])
            if inside and len(pieces) > 1:
                outside = b'"' + outside
            if b'x"' in outside or b'"x' in outside:
                return False
            inside ^= len(pieces) % 2 == 0
    return not inside


def first_fault(text: Path, *, delimiter: str, width: int) -> str | None:
    """Say what is wrong with the first bad record, naming its line; None if all are good."""
    with _long_fields(), text.open(encoding="utf-8-sig", newline="") as file:
        records = csv.reader(file, delimiter=delimiter, strict=True)
        while True:
            line = records.line_num + 1
            try:
                record = next(records)
            except StopIteration:
                return None
            except csv.Error as error:
                return _quoting_fault(line, str(error))
            # The reader gives an empty line as no field at all; of one column it is a blank value.
            if len(record) != width and record:
                return (
                    f"line {line:,} has {len(record):,} {_fields(len(record))} and the header has "
                    f"{width:,}: give each line the same number, and put text that holds the "
                    "delimiter in double quotes."
                )


def _quoting_fault(line: int, said: str) -> str:
    if "field larger" in said or "unexpected end" in said:
        return (
            f"in the record that begins at line {line:,} a quoted field doesn't end: "
            "close it with a double quote, and double each quote within it."
        )
    return (
        f"in the record that begins at line {line:,} text follows a closing quote: "
        "double each quote within a quoted field."
    )


def _fields(count: int) -> str:
    return "field" if count == 1 else "fields"


@contextmanager
def _long_fields() -> Iterator[None]:
    before = csv.field_size_limit(LONGEST_RECORD_BYTES)
    try:
        yield
    finally:
        csv.field_size_limit(before)
