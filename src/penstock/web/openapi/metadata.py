"""Metadata as paths: lists, schemas, statistics, counts, receipts and health."""

from penstock.web.openapi.kinds import Schema
from penstock.web.openapi.responses import json_response, problems, reference
from penstock.web.openapi.schemas import (
    COUNT,
    MOMENT,
    TEXT,
    Path,
    in_path,
    object_of,
    schema_reference,
)

TAG = "metadata"

_ALWAYS = (400, 401, 414, 429, 500)
"""Statuses that any request may come to before its path is looked at, or by a failure."""


def metadata_schemas() -> dict[str, Schema]:
    """Describe the documents that the metadata paths answer with."""
    return {
        "datasets": object_of(
            tenant=TEXT,
            title=TEXT,
            datasets={
                "type": "array",
                "items": object_of(
                    name=TEXT,
                    private={"type": "boolean"},
                    schema=TEXT,
                )
                | {
                    "description": "A dataset that can't be read has a problem, and no downloads.",
                },
            },
        ),
        "schema": object_of(
            dataset=TEXT,
            version=TEXT,
            modified=MOMENT,
            rows=COUNT,
            private={"type": "boolean"},
            columns={
                "type": "array",
                "items": object_of(
                    name=TEXT,
                    kind=TEXT,
                    type=TEXT,
                    operators={"type": "array", "items": TEXT},
                ),
            },
        ),
        "stats": object_of(
            dataset=TEXT,
            version=TEXT,
            rows=_known(COUNT),
            columns={
                "type": "array",
                "items": object_of(
                    name=TEXT,
                    type=TEXT,
                    nulls=_known(COUNT),
                    distinct=_known(COUNT),
                    min=_known({"type": ["string", "null"]}),
                    max=_known({"type": ["string", "null"]}),
                ),
            },
        ),
        "count": object_of(
            dataset=TEXT,
            version=TEXT,
            rows=COUNT,
            bytes_estimate={"type": "object", "additionalProperties": COUNT},
        ),
        "receipt": object_of(
            id=TEXT,
            dataset=TEXT,
            version=TEXT,
            etag=TEXT,
            format=TEXT,
            coding={"enum": ["zstd", "gzip", "identity"]},
            state={"enum": ["streaming", "complete", "aborted"]},
            rows={"type": ["integer", "null"]},
            bytes={"type": ["integer", "null"], "description": "As coded."},
            sha256={"type": ["string", "null"], "description": "Of the bytes as coded."},
            identity_bytes={"type": ["integer", "null"]},
            identity_sha256={"type": ["string", "null"]},
            started=MOMENT,
            ended={"type": ["string", "null"], "format": "date-time"},
        ),
        "health": object_of(status={"const": "ok"}),
    }


def metadata_paths(dataset_names: list[str]) -> dict[str, Path]:
    """Describe the metadata paths; those of one dataset take its name as a parameter."""
    listed = _answered("datasets", "The datasets that this asker may see.")
    page = {"text/html": {"schema": {"type": "string"}}}
    home = listed | {"content": listed["content"] | page}
    paths = {
        "/": _get("home", "The datasets, as a page where a browser asks for one.", home),
        "/-/datasets.json": _get("list_datasets", "The datasets.", listed),
        "/-/openapi.json": _get(
            "describe_api",
            "This description.",
            json_response("An OpenAPI document.", {"type": "object"}),
        ),
        "/-/receipts/{id}": _get(
            "receipt",
            "What a download held, kept for 7 days.",
            _answered("receipt", "The receipt."),
            404,
        )
        | {"parameters": [in_path("id", {"type": "string", "pattern": "^[0-9a-f]{32}$"})]},
        "/-/healthz": _get("health", "Whether the service runs.", _answered("health", "It does.")),
    }
    if dataset_names:
        of = {"parameters": [dataset_parameter(dataset_names), _IF_NONE_MATCH]}
        paths["/{dataset}/-/schema.json"] = of | _get(
            "schema",
            "A dataset's columns, their types, and the operators that fit them.",
            _answered("schema", "The columns."),
            403,
            404,
            validated=True,
        )
        paths["/{dataset}/-/stats.json"] = of | _get(
            "stats",
            "Nulls, distinct values, least and greatest of each column.",
            _answered("stats", "The statistics."),
            403,
            404,
            413,
            503,
            validated=True,
        )
    return paths


def count_path(operation_id: str, parameters: list[Path], *, shared: Path) -> Path:
    """Describe the count of a dataset under filters."""
    counted = _get(
        operation_id,
        "How many rows, and about how many bytes in each format.",
        _answered("count", "The count."),
        403,
        404,
        410,
        413,
        503,
        validated=True,
    )
    counted["get"] |= shared
    return {"parameters": parameters} | counted


def dataset_parameter(names: list[str]) -> Path:
    """Describe the dataset's name in a path."""
    return in_path("dataset", {"type": "string", "enum": names}) | {"example": names[0]}


_IF_NONE_MATCH: Path = {"$ref": "#/components/parameters/If-None-Match"}


def _get(
    operation_id: str, summary: str, answered: Path, *statuses: int, validated: bool = False
) -> Path:
    held = {"304": reference("not-modified")} if validated else {}
    return {
        "get": {
            "operationId": operation_id,
            "tags": [TAG],
            "summary": summary,
            "responses": {"200": answered} | held | problems(*sorted({*_ALWAYS, *statuses})),
        }
    }


def _answered(schema: str, description: str) -> Path:
    return json_response(description, schema_reference(schema))


def _known(value: Schema) -> Schema:
    return object_of(value=value, exact={"type": "boolean"})
