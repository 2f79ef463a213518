"""Items: the comma lists of `_select`, `_exclude`, `_group` and `_sort`, names in quotes or not."""

import re
from dataclasses import dataclass

from penstock.errors import BadExpressionError
from penstock.model.slice import AggregateName

_AGGREGATES: dict[str, AggregateName] = {
    "count": "count",
    "sum": "sum",
    "avg": "avg",
    "min": "min",
    "max": "max",
}
_CALL = re.compile(r"(count|sum|avg|min|max)\s*\(", re.IGNORECASE)
_DISTINCT = re.compile(r"distinct\s", re.IGNORECASE)
_AS = re.compile(r"\sas\s", re.IGNORECASE)
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*(?:-[A-Za-z0-9_.]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item: a name, or an aggregate of it (of all rows where `name` is None)."""

    name: str | None
    aggregate: AggregateName | None = None
    distinct: bool = False
    alias: str | None = None
    descending: bool = False


def items_of(
    text: str, *, parameter: str, outputs: bool = False, signs: bool = False
) -> list[Item]:
    """Split a list at its commas.

    Every name may stand in double quotes (`""` is a quote in it), and must where it holds a comma
    or begins with a quote, and, with `outputs` (aggregates and `as` are read), where it holds
    ` as ` or looks like an aggregate, and, with `signs` (`-` is descending), where it begins
    with `-`. Spaces around names don't count.

    Raises BadExpressionError for an empty item and for an open quote or parenthesis.
    """
    scanner = _Scanner(text, parameter)
    found = []
    while True:
        found.append(scanner.item(outputs=outputs, signs=signs))
        if not scanner.passed(","):
            break
    if scanner.place < len(text):
        raise scanner.error(f"a comma must stand before “{text[scanner.place :][:40]}”.")
    return found


def name_text(name: str) -> str:
    """Write a name as `items_of` reads it, in quotes where it needs any."""
    return name if _PLAIN.fullmatch(name) else quoted(name)


def quoted(name: str) -> str:
    """Write a name in double quotes."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(slots=True)
class _Scanner:
    text: str
    parameter: str
    place: int = 0

    def item(self, *, outputs: bool, signs: bool) -> Item:
        self.spaces()
        descending = signs and self.passed("-")
        call = _CALL.match(self.text, self.place) if outputs else None
        if call is not None:
            self.place = call.end()
            return self.aggregate(_AGGREGATES[call[1].lower()])
        name = self.name(",", before_as=outputs)
        return Item(name=name, alias=self.alias() if outputs else None, descending=descending)

    def aggregate(self, function: AggregateName) -> Item:
        self.spaces()
        name, distinct = None, False
        if not self.passed("*") and self.text[self.place : self.place + 1] != ")":
            marked = _DISTINCT.match(self.text, self.place)
            if marked is not None:
                distinct, self.place = True, marked.end()
            name = self.name(")")
        self.spaces()
        if not self.passed(")"):
            raise self.error(f"the parenthesis of {function} isn't closed.")
        return Item(name=name, aggregate=function, distinct=distinct, alias=self.alias())

    def alias(self) -> str | None:
        marked = _AS.match(f" {self.text[self.place :].lstrip()} ")
        if marked is None:
            self.spaces()
            return None
        self.spaces()
        self.place += len("as")
        return self.name(",")

    def name(self, end: str, *, before_as: bool = False) -> str:
        """Read a name up to `end` or the text's end, or up to its closing quote."""
        self.spaces()
        if self.passed('"'):
            return self.rest_of_quoted()
        stop = self.text.find(end, self.place)
        stop = len(self.text) if stop < 0 else stop
        if before_as:
            marked = _AS.search(self.text, self.place, stop)
            stop = stop if marked is None else marked.start()
        name = self.text[self.place : stop].strip()
        self.place = stop
        if not name:
            raise self.error('a name is missing between commas; the empty name is "".')
        return name

    def rest_of_quoted(self) -> str:
        parts = []
        while True:
            stop = self.text.find('"', self.place)
            if stop < 0:
                raise self.error("a double quote isn't closed.")
            parts.append(self.text[self.place : stop])
            self.place = stop + 1
            if not self.passed('"'):
                self.spaces()
                return '"'.join(parts)

    def passed(self, mark: str) -> bool:
        if not self.text.startswith(mark, self.place):
            return False
        self.place += len(mark)
        return True

    def spaces(self) -> None:
        while self.text[self.place : self.place + 1].isspace():
            self.place += 1

    def error(self, detail: str) -> BadExpressionError:
        return BadExpressionError(self.parameter, detail)
