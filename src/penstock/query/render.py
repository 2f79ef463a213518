"""Rendering: a predicate back into the one text that canonical queries write for it."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import assert_never

from penstock.model.slice import (
    Aggregate,
    And,
    Call,
    ColumnRef,
    Compare,
    Constant,
    Expression,
    InList,
    IsBlank,
    IsNull,
    Like,
    Not,
    OnDay,
    Or,
    Predicate,
    TextMatch,
    Truth,
)
from penstock.query.items import quoted
from penstock.query.literals import text_of

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TAKEN = frozenset(
    {
        "and",
        "between",
        "distinct",
        "false",
        "from",
        "in",
        "is",
        "isnull",
        "like",
        "not",
        "notnull",
        "null",
        "or",
        "true",
    }
)

Naming = Callable[[ColumnRef | Aggregate], str | None]
"""Gives an output's name to what it holds, or None where no output holds it."""


def rendered(predicate: Predicate, naming: Naming = lambda _: None) -> str:
    """Write a predicate that came from an expression: reading it again gives an equal one."""
    return _Renderer(naming).predicate(predicate)


def tightened(text: str) -> str:
    """Collapse the white space of an expression, outside quotes: never longer than it was."""
    pieces = re.split(r"""('(?:[^']|'')*'|"(?:[^"]|"")*")""", text)
    for index in range(0, len(pieces), 2):
        pieces[index] = re.sub(r"\s+", " ", pieces[index])
    return "".join(pieces).strip()


class _Renderer:
    def __init__(self, naming: Naming) -> None:
        self._naming = naming

    def predicate(self, wanted: Predicate) -> str:
        match wanted:
            case And(items):
                return " AND ".join(self._inner(item, Or) for item in items)
            case Or(items):
                return " OR ".join(self.predicate(item) for item in items)
            case Not(item):
                return f"NOT {self._inner(item, And, Or)}"
            case Compare(left, operator, right):
                spaced = f" {operator} " if operator.startswith("IS") else operator
                return f"{self._expression(left)}{spaced}{self._expression(right)}"
            case InList(left, items, negated):
                listed = ",".join(self._expression(item) for item in items)
                return f"{self._expression(left)} {'NOT ' if negated else ''}IN ({listed})"
            case Like(left, pattern, negated):
                word = "NOT LIKE" if negated else "LIKE"
                return f"{self._expression(left)} {word} {_text(pattern)}"
            case IsNull(left, negated):
                return f"{self._expression(left)} IS {'NOT ' if negated else ''}NULL"
            case Truth(item):
                return self._expression(item)
            case TextMatch() | IsBlank() | OnDay():
                raise TypeError("made by filters, never by an expression")
            case _:
                assert_never(wanted)

    def _inner(self, item: Predicate, *wrapped: type[And | Or]) -> str:
        text = self.predicate(item)
        return f"({text})" if isinstance(item, wrapped) else text

    def _expression(self, wanted: Expression) -> str:
        match wanted:
            case ColumnRef(name):
                return _name(self._naming(wanted) or name)
            case Constant():
                return _constant(wanted)
            case Call(function, arguments):
                return f"{function}({','.join(self._expression(item) for item in arguments)})"
            case Aggregate(function, argument, distinct):
                output = self._naming(wanted)
                if output is not None:
                    return _name(output)
                inside = "*" if argument is None else _name(argument.name)
                return f"{function}({'DISTINCT ' if distinct else ''}{inside})"
            case _:
                assert_never(wanted)


def _name(name: str) -> str:
    plain = _PLAIN.fullmatch(name) and name.lower() not in _TAKEN
    return name if plain else quoted(name)


def _constant(constant: Constant) -> str:
    text = text_of(constant)
    value = constant.value
    if isinstance(value, bool | int | Decimal):
        return text
    if isinstance(value, float) and text[-1].isdigit():
        return text
    return _text(text)


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
