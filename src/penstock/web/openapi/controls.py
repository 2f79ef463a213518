"""Controls and request headers as parameters, with examples that fit a dataset's own columns."""

from collections.abc import Mapping
from typing import Any

from penstock.model.dataset import Dataset
from penstock.query import CONTROLS
from penstock.query.items import name_text, quoted
from penstock.web.openapi.filters import Parameter
from penstock.web.openapi.kinds import Schema

SWITCH: Schema = {"type": "string", "enum": ["1", "on", "true", "0", "off", "false"]}

_ROWS: Schema = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
_TOKEN: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,200}$"}
_LIST: Schema = {"type": "string", "minLength": 1}
_SWITCH: Schema = {"$ref": "#/components/schemas/switch"}

_SCHEMAS: Mapping[str, Schema] = {
    "_where": {"type": "string", "minLength": 1, "maxLength": 4096},
    "_select": _LIST,
    "_exclude": _LIST,
    "_group": _LIST,
    "_having": {"type": "string", "minLength": 1, "maxLength": 4096},
    "_distinct": _SWITCH,
    "_sort": _LIST,
    "_limit": _ROWS,
    "_offset": _ROWS,
    "_cursor": _TOKEN,
    "_delimiter": {
        "type": "string",
        "pattern": "^([ !#-~]|tab|comma|semicolon|pipe)$",
    },
    "_header": _SWITCH,
    "_bom": _SWITCH,
    "_null": {"type": "string", "minLength": 1, "maxLength": 32, "pattern": '^[^\\u0000"\\r\\n]*$'},
    "_excel": _SWITCH,
    "_int64": {"type": "string", "enum": ["string", "number"]},
    "_dl": _SWITCH,
    "_filename": {"type": "string", "maxLength": 200, "pattern": "^[A-Za-z0-9_ .-]+$"},
    "_version": _TOKEN,
    "_redirect": _SWITCH,
    "_expires": {"type": "integer", "minimum": 0, "maximum": 10**12 - 1},
    "_kid": _TOKEN,
    "_sig": _TOKEN,
}

_HEADERS: Mapping[str, tuple[str, Schema, str]] = {
    "Range": (
        "Bytes of the answer; of a filtered one, too.",
        {"type": "string", "pattern": "^bytes=([0-9]{1,18}-([0-9]{1,18})?|-[0-9]{1,18})$"},
        "bytes=0-1023",
    ),
    "If-Range": (
        "The ETag that a range was begun with: the whole answer comes if it has changed.",
        {"type": "string", "pattern": '^"[0-9a-f]{32}"$'},
        '"0123456789abcdef0123456789abcdef"',
    ),
    "If-None-Match": (
        "The ETag that is held already: 304 if it is still right.",
        {"type": "string", "pattern": '^(W/)?"[0-9a-f]{32}"$'},
        '"0123456789abcdef0123456789abcdef"',
    ),
    "Accept-Encoding": (
        "Which content codings are taken; the extension alone decides the format.",
        {"type": "string", "enum": ["zstd", "gzip", "identity", "zstd, gzip;q=0.5"]},
        "gzip",
    ),
}

COUNTED = ("_where", "_select", "_exclude", "_group", "_having", "_distinct", "_limit", "_offset")
"""What a count takes of the controls: what says which rows and columns there are."""


_OF_COLUMNS = ("_where", "_select", "_exclude", "_group", "_having", "_sort")
_WITHOUT_EXAMPLE = ("_cursor", "_version", "_sig")
"""What only the service itself can hand out."""


def header_parameters() -> dict[str, Parameter]:
    """Describe the request headers of a download, by their names."""
    return {
        name: {
            "name": name,
            "in": "header",
            "description": description,
            "schema": schema,
            "example": example,
        }
        for name, (description, schema, example) in _HEADERS.items()
    }


def control_parameters() -> dict[str, Parameter]:
    """Describe every control, by its name."""
    return {
        name: {
            "name": name,
            "in": "query",
            "description": control.description,
            "schema": _SCHEMAS.get(name, {"type": "string"}),
            **({} if name in (*_OF_COLUMNS, *_WITHOUT_EXAMPLE) else {"example": control.example}),
        }
        for name, control in CONTROLS.items()
    }


def control_names(extension: str) -> list[str]:
    """List the controls that fit a format, in the order of the grammar."""
    return [
        name
        for name, control in CONTROLS.items()
        if not control.formats or extension in control.formats
    ]


def dataset_controls(dataset: Dataset) -> dict[str, Parameter]:
    """Describe the controls whose examples need columns with those of a dataset, by their names."""
    names = [name_text(column.name) for column in dataset.columns]
    ordered = [
        name
        for name, column in zip(names, dataset.columns, strict=True)
        if column.kind not in {"nested", "interval"}
    ]
    examples: dict[str, str] = {"_having": "count(*) > 10"}
    if names:
        examples |= {
            "_where": f"{quoted(dataset.columns[0].name)} IS NOT NULL",
            "_select": ",".join(names[:2]),
        }
    if len(names) > 1:
        examples["_exclude"] = names[-1]
    if ordered:
        examples |= {"_group": ordered[0], "_sort": f"-{ordered[0]}"}
    shared = control_parameters()
    return {name: shared[name] | _example(examples.get(name)) for name in _OF_COLUMNS}


def _example(value: str | None) -> dict[str, Any]:
    return {} if value is None else {"example": value}
