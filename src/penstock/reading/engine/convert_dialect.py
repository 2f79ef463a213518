"""A CSV file's dialect: its delimiter and its column names, read off its beginning."""

import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.errors import SetupError

DELIMITERS = (",", "\t", ";", "|")
"""In the order in which they are preferred where several fit."""

_HEAD_CHARACTERS = 1 << 20
_HEAD_RECORDS = 1000

_VALUE = re.compile(r"[+-]?[0-9][0-9.,]*(?:[eE][+-]?[0-9]+)?|[0-9]{4}-[0-9]{2}-[0-9]{2}.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvDialect:
    """How a file is to be read: `names` are distinct and none is blank."""

    delimiter: str
    names: tuple[str, ...]
    has_rows: bool


def read_dialect(text: Path, *, named: str) -> CsvDialect:
    """Read the dialect off the first MiB of a text in UTF-8.

    Raises SetupError, one line that begins with `named`, if the first line isn't one of names.
    """
    with text.open(encoding="utf-8-sig", newline="") as file:
        head = file.read(_HEAD_CHARACTERS)
        is_all = not file.read(1)
    if not is_all and (cut := max(head.rfind("\n"), head.rfind("\r"))) > 0:
        head = head[: cut + 1]
    delimiter = sniffed_delimiter(head)
    records = _records(head, delimiter)
    header: list[str] = next(records, [])
    if not any(name.strip() for name in header):
        raise SetupError(f"{named}: the first line is blank and must hold the column names.")
    if all(_VALUE.fullmatch(name.strip()) for name in header if name.strip()):
        raise SetupError(
            f"{named}: the first line holds values ({', '.join(header[:3])}) and must hold the "
            "column names: put a line of names above it."
        )
    return CsvDialect(
        delimiter=delimiter,
        names=distinct_names(header),
        has_rows=not is_all or next(records, None) is not None,
    )


def sniffed_delimiter(head: str) -> str:
    """Choose the delimiter that cuts the header into most fields, and all records alike if any."""

    def fit(delimiter: str) -> tuple[bool, int]:
        records = [r for r in itertools.islice(_records(head, delimiter), _HEAD_RECORDS) if r]
        width = len(records[0]) if records else 0
        return width > 1 and all(len(record) == width for record in records), width

    return max(DELIMITERS, key=fit)


def distinct_names(header: Sequence[str]) -> tuple[str, ...]:
    """Name every column: a blank one `column_9` after its place, a repeated one `name_2`.

    A name that stands once is never changed: a made name that is taken counts on.
    """
    taken = {name for name in header if name.strip()}
    names: list[str] = []
    for place, given in enumerate(header, start=1):
        name = given
        if not given.strip():
            name = _free(f"column_{place}", taken)
        elif given in names:
            name = _free(given, taken)
        names.append(name)
        taken.add(name)
    return tuple(names)


def _free(name: str, taken: Iterable[str]) -> str:
    numbered = (f"{name}_{number}" for number in itertools.count(2))
    candidates = itertools.chain([name], numbered)
    return next(candidate for candidate in candidates if candidate not in taken)


def _records(head: str, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)
