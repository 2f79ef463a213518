"""Responses as components: every status that can come, with its headers and bodies."""

from collections.abc import Mapping
from typing import Any

from penstock.model.format import Format
from penstock.web.openapi.kinds import Schema
from penstock.web.problems import TITLES

Response = dict[str, Any]
Header = dict[str, Any]

_PROBLEM_MEDIA_TYPE = "application/problem+json"

PROBLEM: Schema = {
    "type": "object",
    "description": "What went wrong (RFC 9457), and the facts that help to put it right.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri", "examples": ["urn:penstock:problem:bad-value"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "One or two sentences for people."},
        "instance": {"type": "string", "description": "The path that was asked for."},
        "parameter": {"type": "string", "description": "The key of the URL at fault."},
        "column": {"type": "string"},
        "column_type": {"type": "string"},
        "expected": {"type": "string"},
        "example": {"type": "string", "description": "A value that would do."},
        "did_you_mean": {"type": "array", "items": {"type": "string"}},
        "columns_url": {"type": "string", "format": "uri-reference"},
        "datasets_url": {"type": "string", "format": "uri-reference"},
        "export": {
            "type": "object",
            "description": "What to POST, to which url, to have it as an export.",
            "properties": {"url": {"type": "string"}, "body": {"type": "object"}},
        },
    },
}

_STATUS_HEADERS: Mapping[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    416: ("Content-Range",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}

PROBLEM_STATUSES = (400, 401, 403, 404, 406, 410, 413, 414, 416, 429, 500, 503)
"""Every status of a problem that a download can come to."""

_DOWNLOAD_HEADERS = (
    "ETag",
    "Last-Modified",
    "Vary",
    "Cache-Control",
    "Content-Location",
    "Content-Disposition",
    "Content-Encoding",
    "Accept-Ranges",
    "X-Row-Count",
    "Link",
    "Download-Id",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
)


def shared_headers() -> dict[str, Header]:
    """Describe every response header, by its name."""
    text: Schema = {"type": "string"}
    number: Schema = {"type": "integer", "minimum": 0}
    tag: Schema = {"type": "string", "pattern": '^(W/)?"[0-9a-f]+"$'}
    described: dict[str, tuple[str, Schema]] = {
        "ETag": ("Of version, query, format and coding; weak where runs may differ.", tag),
        "Last-Modified": ("When this version was published.", text),
        "Vary": ("What else decides the answer.", text),
        "Cache-Control": ("Private answers are kept by nobody.", text),
        "Content-Location": ("The path with its canonical query.", text),
        "Content-Disposition": ("Attachment, or inline with _dl=off, and the file's name.", text),
        "Content-Encoding": ("The content coding, if any.", {"enum": ["zstd", "gzip"]}),
        "Accept-Ranges": ("Whether ranges of this answer can be asked for.", {"enum": ["bytes"]}),
        "Content-Range": ("Which bytes of how many.", {"type": "string", "pattern": "^bytes "}),
        "X-Row-Count": ("The rows of the answer, where they are known beforehand.", number),
        "Link": ("The next page, with rel=next.", text),
        "Download-Id": (
            "The receipt of this answer: /-/receipts/{id}.",
            {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        ),
        "RateLimit-Limit": ("Requests a minute, where they are limited.", number),
        "RateLimit-Remaining": ("How many of them are left.", number),
        "RateLimit-Reset": ("Seconds until there are more.", number),
        "Retry-After": ("Seconds to wait before the next try.", number),
        "WWW-Authenticate": ("How to send a key.", text),
        "Access-Control-Allow-Methods": ("What may be asked from pages of any origin.", text),
    }
    return {
        name: {"description": description, "schema": schema}
        for name, (description, schema) in described.items()
    }


def shared_responses(formats: Mapping[str, Format]) -> dict[str, Response]:
    """Describe the responses that no dataset's columns shape, by the names used in `statuses`."""
    return {
        "not-modified": {
            "description": "What is held already is still right.",
            "headers": _headers("ETag", "Cache-Control"),
        },
        "head": {
            "description": "The headers of the same GET, but for Download-Id.",
            "headers": _headers(*(name for name in _DOWNLOAD_HEADERS if name != "Download-Id")),
        },
        "head-problem": {"description": "The status and headers of a problem."},
        "preflight": {
            "description": "What pages of any origin may ask.",
            "headers": _headers("Access-Control-Allow-Methods"),
        },
        **{f"problem-{status}": problem_response(status) for status in PROBLEM_STATUSES},
        **{f"part-{name}": _part(written) for name, written in formats.items()},
        **{
            f"whole-{name}": whole_response(written, schema=_untyped(written))
            for name, written in formats.items()
            if not is_json(written)
        },
    }


def whole_response(written: Format, *, schema: Schema) -> Response:
    """Describe a 200 of a format whose bodies look like `schema`."""
    body: dict[str, Any] = {"schema": schema}
    if written.extension == "ndjson":
        # One object a line: the schema of each is what OpenAPI 3.2 calls itemSchema.
        body = {"schema": {"type": "string"}, "x-itemSchema": schema}
    return {
        "description": f"The slice as {written.name}, streamed; a broken transfer ends visibly.",
        "headers": _headers(*_DOWNLOAD_HEADERS),
        "content": {written.media_type: body},
    }


def is_json(written: Format) -> bool:
    """Whether bodies of a format are, or hold, JSON objects of the row's columns."""
    return written.extension in {"json", "ndjson"}


def json_response(description: str, schema: Schema) -> Response:
    """Describe a 200 with a JSON document."""
    return {
        "description": description,
        "headers": _headers("Cache-Control"),
        "content": {"application/json": {"schema": schema}},
    }


def reference(name: str) -> Response:
    """Refer to one of the shared responses."""
    return {"$ref": f"#/components/responses/{name}"}


def problems(*statuses: int) -> dict[str, Response]:
    """Refer to the problems of some statuses."""
    return {str(status): reference(f"problem-{status}") for status in statuses}


def problem_response(status: int) -> Response:
    """Describe a problem of a status, as JSON and as the page that a browser gets."""
    headers = _STATUS_HEADERS.get(status, ())
    schema = {"$ref": "#/components/schemas/problem"}
    return {
        "description": f"{TITLES[status]}.",
        "headers": _headers("Vary", *headers),
        "content": {
            _PROBLEM_MEDIA_TYPE: {"schema": schema},
            "text/html": {"schema": {"type": "string"}},
        },
    }


def _part(written: Format) -> Response:
    # Bytes cut out of a document are no document: their media types stand without a schema.
    return {
        "description": "The bytes that Range asked for; several ranges come as one multipart.",
        "headers": _headers("Content-Range", *_DOWNLOAD_HEADERS),
        "content": {written.media_type: {}, "multipart/byteranges": {}},
    }


def _untyped(written: Format) -> Schema:
    if written.binary:
        return {"type": "string", "contentMediaType": "application/octet-stream"}
    return {"type": "string"}


def _headers(*names: str) -> dict[str, Header]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
