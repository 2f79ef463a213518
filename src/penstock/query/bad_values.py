"""Bad values: what a column expects instead, in words and by example."""

from penstock.errors import BadValueError
from penstock.model.dataset import Column, ColumnKind

_WORDS: dict[ColumnKind, str] = {
    "text": "text",
    "integer": "a whole number",
    "decimal": "a number",
    "float": "a number",
    "boolean": "true or false",
    "date": "an ISO 8601 date",
    "time": "an ISO 8601 time",
    "timestamp": "an ISO 8601 date and time",
    "timestamptz": "an ISO 8601 date and time",
    "uuid": "a UUID",
    "binary": "base16, two digits for each byte",
    "interval": "no value: it can only be tested for null",
    "nested": "no value: it can only be tested for null",
}

_EXAMPLES: dict[ColumnKind, str] = {
    "text": "Bath",
    "integer": "122",
    "decimal": "12.50",
    "float": "0.25",
    "boolean": "true",
    "date": "2024-05-01",
    "time": "10:30:00",
    "timestamp": "2024-05-01T10:30:00",
    "timestamptz": "2024-05-01T10:30:00Z",
    "uuid": "0b0ec9c6-9d58-4b53-9b55-6c4c0a9e8d1f",
    "binary": "DEADBEEF",
    "interval": "__isnull=1",
    "nested": "__isnull=1",
}


def bad_value(
    text: str, of: Column, *, parameter: str, expected: str | None = None
) -> BadValueError:
    """Make the error for a value that doesn't fit: the column, its type and a good value."""
    return BadValueError(
        parameter,
        text,
        expected=expected or _WORDS[of.kind],
        example=_EXAMPLES[of.kind],
        column=of.name,
        column_type=of.type_name,
    )
