"""Lists: the value of `__in`, written as `a,b` or as a JSON array."""

import json

from penstock.errors import BadValueError
from penstock.model.dataset import Column

_EXAMPLE = '["a,b","c"]'


def listed(text: str, of: Column, *, parameter: str) -> list[str]:
    """Split a list into its values, as text; numbers of a JSON array keep their digits.

    A value that begins with `[` is a JSON array. Raises BadValueError for an array that isn't one,
    holds null or another array, or is empty, and for an empty value between commas.
    """
    if not text.startswith("["):
        values = text.split(",")
        if "" in values:
            raise _bad_list(text, of, parameter, "values between commas, none of them empty")
        return values
    try:
        # Numbers stay text: they are coerced by the column's type, like all values.
        parsed = json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        expected = "a JSON array, since it begins with “[”"
        raise _bad_list(text, of, parameter, expected) from error
    values = []
    for value in parsed:
        if isinstance(value, bool):
            values.append("true" if value else "false")
        elif isinstance(value, str) and _is_storable(value):
            values.append(value)
        else:
            expected = "a JSON array of strings, numbers, true and false"
            raise _bad_list(text, of, parameter, expected)
    if not values:
        raise _bad_list(text, of, parameter, "at least one value")
    return values


def list_text(values: list[str]) -> str:
    """Write values as `listed` reads them: with commas where that is enough, else as JSON."""
    if any(not value or "," in value for value in values) or values[0].startswith("["):
        return json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return ",".join(values)


def _refuse(constant: str) -> str:
    raise ValueError(constant)


def _is_storable(value: str) -> bool:
    # JSON's escapes can spell what UTF-8 can't: a NUL, and half of a surrogate pair.
    return "\0" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)


def _bad_list(text: str, of: Column, parameter: str, expected: str) -> BadValueError:
    return BadValueError(
        parameter,
        text,
        expected=expected,
        example=_EXAMPLE,
        column=of.name,
        column_type=of.type_name,
    )
