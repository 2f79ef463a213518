"""Coercion: a value's text into the constant that a column, or an expression, is compared with."""

import re
from uuid import UUID

from penstock.model.dataset import Column
from penstock.model.slice import ColumnRef, Compare, CompareOperator, Constant, Expression
from penstock.query.bad_values import bad_value
from penstock.query.moments import date_constant, is_date, moment_constant, time_constant
from penstock.query.numbers import bound_number, equal_number

_TRUE = frozenset({"true", "t", "yes", "y", "on", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "off", "0"})
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")
_BASE16 = re.compile(r"(?:[0-9a-fA-F]{2})*")

NUMERIC = frozenset({"integer", "decimal", "float"})
"""Kinds that are compared as numbers."""


def equal_to(text: str, of: Column, *, parameter: str, whole_days: bool = False) -> Constant:
    """Give the constant that equals `text` in the type of `of`, a column or a function's result.

    A timestamp is rarely exactly midnight: unless `whole_days` says that bare dates are meant so,
    they are refused for timestamps, with a hint at `__date`.

    Raises BadValueError, which names the column, its type and an example of a good value.
    """
    if of.kind in {"timestamp", "timestamptz"} and not whole_days and is_date(text):
        raise bad_value(
            text,
            of,
            parameter=parameter,
            expected=f"a date and time; for the whole day, {of.name}__date={text.strip()}",
        )
    if of.kind in NUMERIC:
        return equal_number(text, of, parameter=parameter)
    return _constant(text, of, parameter=parameter)


def compared(
    left: Expression, operator: CompareOperator, text: str, *, of: Column, parameter: str
) -> Compare:
    """Compare `left`, whose type is that of `of`, with a value given as text.

    Bounds that the type can't hold exactly keep the same rows with another operator; a bare date
    bound on a timestamp means 00:00 UTC. Raises BadValueError.
    """
    if operator in {"=", "<>", "IS DISTINCT FROM"}:
        whole_days = not isinstance(left, ColumnRef)
        constant = equal_to(text, of, parameter=parameter, whole_days=whole_days)
    elif of.kind in NUMERIC:
        operator, constant = bound_number(text, of, operator, parameter=parameter)
    else:
        constant = _constant(text, of, parameter=parameter)
    return Compare(left, operator, constant)


def _constant(text: str, of: Column, *, parameter: str) -> Constant:
    match of.kind:
        case "text":
            return Constant(text, "VARCHAR")
        case "boolean":
            return Constant(_boolean(text, of, parameter), "BOOLEAN")
        case "date":
            return date_constant(text, of, parameter=parameter)
        case "time":
            return time_constant(text, of, parameter=parameter)
        case "timestamp" | "timestamptz":
            return moment_constant(text, of, parameter=parameter)
        case "uuid" if _UUID.fullmatch(text.strip()):
            return Constant(UUID(text.strip()), "UUID")
        case "binary" if _BASE16.fullmatch(text.strip()):
            # The engine reads text as bytes with \xNN for each of them.
            return Constant(re.sub("(..)", r"\\x\1", text.strip().upper()), "BLOB")
        case _:
            raise bad_value(text, of, parameter=parameter)


def _boolean(text: str, of: Column, parameter: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise bad_value(text, of, parameter=parameter)
