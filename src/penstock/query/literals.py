"""Literals: a constant back into the one text that canonical queries write for it."""

from datetime import UTC, date, datetime, time
from decimal import Decimal

from penstock.model.slice import Constant


def text_of(constant: Constant) -> str:
    """Write a constant so that coercing the text by the same column gives an equal constant."""
    match constant.value:
        case bool(truth):
            return "true" if truth else "false"
        case Decimal() as number:
            return format(number, "f")
        case float(number):
            return repr(number).replace("e+", "e")
        case datetime() as moment if moment.tzinfo is not None:
            return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"
        case date() | datetime() | time() as moment:
            return moment.isoformat()
        case str(text) if constant.type_name == "BLOB":
            return text.replace("\\x", "")
        case other:
            return str(other)
