"""Controls: the keys that begin with `_`, what each one takes, and how switches are read."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from penstock.errors import BadValueError, QueryError


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One control; with `formats`, only these formats take it."""

    description: str
    example: str
    formats: tuple[str, ...] = ()


_CSV = ("csv",)
_JSON = ("json", "ndjson")

CONTROLS: Mapping[str, Control] = MappingProxyType(
    {
        "_where": Control(
            description="A predicate in SQL's manner; names with “-” stand in double quotes.",
            example="lower(name) LIKE 'a%' AND \"start-date\" >= '2024-01-01'",
        ),
        "_select": Control(
            description="Columns and aggregates, in this order, renamed with “as”.",
            example="name,reference as ref",
        ),
        "_exclude": Control(description="All columns but these.", example="geometry"),
        "_group": Control(
            description="One row for each combination of these columns.", example="quality"
        ),
        "_having": Control(
            description="A predicate on groups, which may use the names and aggregates selected.",
            example="count(*) > 10",
        ),
        "_distinct": Control(description="Distinct rows of the selection.", example="1"),
        "_sort": Control(
            description="Order by these, “-” for descending; nulls come last both ways.",
            example="quality,-entry-date",
        ),
        "_limit": Control(description="At most this many rows.", example="100"),
        "_offset": Control(description="Skip this many rows.", example="200"),
        "_cursor": Control(
            description="Go on where a page ended: taken from its Link header.",
            example="the token of the Link header",
        ),
        "_delimiter": Control(
            description="The character between cells, or “tab”.", example=";", formats=_CSV
        ),
        "_header": Control(
            description="Whether a header line comes first.", example="off", formats=_CSV
        ),
        "_bom": Control(
            description="Whether a byte order mark comes first.", example="1", formats=_CSV
        ),
        "_null": Control(
            description="How null is written, to tell it from the empty string.",
            example="NA",
            formats=_CSV,
        ),
        "_excel": Control(
            description="CSV for Excel: byte order mark, CRLF, no text taken for a formula.",
            example="1",
            formats=_CSV,
        ),
        "_int64": Control(
            description="Whole columns of 64-bit integers as strings.",
            example="string",
            formats=_JSON,
        ),
        "_dl": Control(description="Whether a browser saves the answer as a file.", example="off"),
        "_filename": Control(
            description="The saved file's name; the extension stays the format's.",
            example="areas-2024",
        ),
        "_version": Control(
            description="Pins a version of the dataset.", example="the version of schema.json"
        ),
        "_redirect": Control(
            description="Whether the answer may be a redirect to the stored object.", example="1"
        ),
        "_expires": Control(
            description="When a signed URL ends, in seconds since 1970.", example="1767225600"
        ),
        "_kid": Control(description="The id of the key that signed the URL.", example="k1"),
        "_sig": Control(
            description="The signature of a signed URL.", example="taken from the signed URL"
        ),
    }
)
"""Every control by its name, in the order of the grammar."""

_ON = frozenset({"1", "on", "true"})
_OFF = frozenset({"0", "off", "false"})


def switch(controls: Mapping[str, str], name: str, *, default: bool) -> bool:
    """Read a control that is on or off: 1, on, true or 0, off, false. Raises BadValueError."""
    text = controls.get(name)
    if text is None:
        return default
    if text.lower() in _ON:
        return True
    if text.lower() in _OFF:
        return False
    raise BadValueError(name, text, expected="1, on, true, 0, off or false", example=f"{name}=1")


def refuse_foreign_controls(controls: Mapping[str, str], format_name: str) -> None:
    """Raise QueryError for a control that this format doesn't take, naming those that do."""
    for name in controls:
        formats = CONTROLS[name].formats
        if formats and format_name not in formats:
            raise QueryError(
                f"{name} is for {' and '.join(formats)}, not for {format_name}: leave it out.",
                parameter=name,
                formats=list(formats),
            )
