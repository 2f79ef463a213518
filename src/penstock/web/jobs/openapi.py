"""The API of jobs as OpenAPI: its paths, and the types of exports with their parameters."""

from collections.abc import Mapping, Sequence
from typing import get_args

from penstock import formats
from penstock.exports.declaration import ExportType
from penstock.model.event import EventName
from penstock.model.fault import FaultClass
from penstock.model.job import JobKind
from penstock.model.job_state import STATES
from penstock.web.jobs.requests import MOST_JOBS, USUAL_JOBS
from penstock.web.openapi.additions import Additions
from penstock.web.openapi.kinds import Schema
from penstock.web.openapi.responses import json_response, problem_response, problems, reference
from penstock.web.openapi.schemas import (
    COUNT,
    MOMENT,
    TEXT,
    Path,
    in_path,
    object_of,
    schema_reference,
)

TAG = "jobs"

_JOB_ID: Schema = {"type": "string", "pattern": "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"}
_CLASSES: Schema = {"type": "string", "enum": list(get_args(FaultClass))}
_MAYBE_MOMENT: Schema = {"type": ["string", "null"], "format": "date-time"}
_SEQ: Schema = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
_ALWAYS = (400, 401, 414, 429, 500, 503)
_NEEDS_KEY: Path = {"security": [{"key": []}]}
_STATUSES = (405, 409, 415, 422, 507)
"""Statuses of problems that no download comes to."""


def job_additions(types: Sequence[ExportType]) -> Additions:
    """Describe what there is besides datasets: jobs, and these types of exports."""
    return Additions(
        tags=({"name": TAG, "description": "What is too large or too slow for one response."},),
        paths=_paths(types),
        schemas=_schemas() | _export_schemas(types),
        responses={f"problem-{status}": problem_response(status) for status in _STATUSES},
    )


def _paths(types: Sequence[ExportType]) -> dict[str, Path]:
    job = schema_reference("job")
    one = {"parameters": [in_path("id", _JOB_ID)]}
    return {
        "/v1/exports": {"post": _begin(types)},
        "/v1/exports/types": _get(
            "list_export_types",
            "The types of exports that this asker may have, with their parameters.",
            {"200": json_response("The types.", schema_reference("export-types"))},
        ),
        "/v1/jobs": _get(
            "list_jobs",
            "Your jobs, the newest first; all of the tenant's for an admin.",
            {"200": json_response("The jobs; the next page is in Link.", schema_reference("jobs"))},
            parameters=[
                _in_query("kind", {"type": "string", "enum": list(get_args(JobKind))}),
                _in_query("state", {"type": "string", "enum": list(STATES)}),
                _in_query(
                    "limit",
                    {
                        "type": "integer",
                        "minimum": 1,
                        "maximum": MOST_JOBS,
                        "default": USUAL_JOBS,
                    },
                ),
                _in_query("cursor", _JOB_ID, "Where a page ended: taken from its Link header."),
            ],
        ),
        "/v1/jobs/{id}": one
        | _get(
            "get_job",
            "A job as it is now; Retry-After while it isn't over.",
            {"200": json_response("The job.", job), "304": reference("not-modified")},
            404,
            parameters=[{"$ref": "#/components/parameters/If-None-Match"}],
        )
        | {
            "delete": _call(
                "delete_job",
                "End a job if it runs, and remove its files and its record.",
                {"204": {"description": "There is nothing left of it."}},
                404,
                409,
                507,
            )
        },
        "/v1/jobs/{id}/events": one
        | _get(
            "list_job_events",
            "What happened to a job, for a client that was away.",
            {
                "200": json_response(
                    "The events above `after_seq`, in order.", schema_reference("events")
                )
            },
            404,
            parameters=[_in_query("after_seq", _SEQ)],
        ),
        "/v1/jobs/{id}/result": one
        | _get(
            "get_job_result",
            "Signed URLs of a job's result, open for 15 minutes at most.",
            {"200": json_response("The URLs.", schema_reference("result"))},
            404,
            409,
            410,
        ),
        "/v1/jobs/{id}/cancel": one
        | {
            "post": _call(
                "cancel_job",
                "Ask a job to end; asking again changes nothing.",
                {"202": json_response("The job as it is then.", job)},
                404,
                409,
                507,
            )
        },
        "/v1/events/tickets": {
            "post": _call(
                "make_ticket",
                "A ticket that opens one WebSocket at `url`, with `?ticket=`; the message "
                '`{"after": {id: seq}}` there asks for what was missed of jobs.',
                {"201": json_response("The ticket.", schema_reference("ticket"))},
            )
            | _NEEDS_KEY
        },
    }


def _begin(types: Sequence[ExportType]) -> Path:
    bodies = [schema_reference(f"export.{each.name}") for each in types]
    taken = json_response("It was taken, and will come to an end.", schema_reference("accepted"))
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The same key and body give the same job, for 24 hours.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
        "example": "5f2b8c1e-order-7",
    }
    return _call("begin_export", "Begin an export.", {"202": taken}, 403, 404, 409, 410, 413) | {
        "parameters": [key],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"oneOf": bodies} if bodies else {"type": "object"}}
            },
        },
        "responses": {"202": taken}
        | problems(*sorted({*_ALWAYS, 403, 404, 409, 410, 413, 415, 422})),
    }


def _schemas() -> dict[str, Schema]:
    progress = object_of(
        seq=_SEQ,
        done=COUNT,
        total={"type": ["integer", "null"]},
        high_water=COUNT | {"description": "The most that was ever done: for a bar."},
        rejected=COUNT,
        bytes=COUNT,
        phase=TEXT,
    )
    fault = object_of(
        **{"code": TEXT, "class": _CLASSES, "message": TEXT, "retryable": {"type": "boolean"}}
    ) | {"type": ["object", "null"]}
    job = object_of(
        id=_JOB_ID,
        kind={"type": "string", "enum": list(get_args(JobKind))},
        type=TEXT,
        user=TEXT,
        params={"type": "object"},
        formats={"type": "array", "items": TEXT},
        state={"type": "string", "enum": list(STATES)},
        stalled={"type": "boolean"},
        attempt=COUNT,
        created=MOMENT,
        started=_MAYBE_MOMENT,
        ended=_MAYBE_MOMENT,
        expires_at=_MAYBE_MOMENT,
        cancel_requested_at=_MAYBE_MOMENT,
        dataset_version={"type": ["string", "null"]},
        progress=progress,
        error=fault,
        artifacts={
            "type": "array",
            "items": object_of(part=TEXT, rows=COUNT, bytes=COUNT, sha256=TEXT),
        },
        links={"type": "object", "additionalProperties": TEXT},
    )
    event = object_of(
        event={"type": "string", "enum": list(get_args(EventName))},
        job_id=_JOB_ID,
        at=MOMENT,
        state={"type": "string", "enum": list(STATES)},
        attempt=COUNT,
        error=fault,
        **progress["properties"],
    )
    file = object_of(url=TEXT, rows=COUNT, bytes=COUNT, sha256=TEXT)
    return {
        "job": job,
        "jobs": object_of(jobs={"type": "array", "items": schema_reference("job")}),
        "event": event,
        "events": object_of(
            id=_JOB_ID, events={"type": "array", "items": schema_reference("event")}
        ),
        "accepted": object_of(
            id=_JOB_ID,
            kind=TEXT,
            type=TEXT,
            state=TEXT,
            created=MOMENT,
            links={"type": "object", "additionalProperties": TEXT},
        ),
        "result": object_of(
            id=_JOB_ID,
            dataset=TEXT,
            rows=COUNT,
            bytes=COUNT,
            urls_end=COUNT | {"description": "Seconds since 1970."},
            kept_until=_MAYBE_MOMENT,
            downloads={"type": "object", "additionalProperties": TEXT},
            files={"type": "object", "additionalProperties": file},
            schema=TEXT,
        ),
        "export-types": object_of(
            types={
                "type": "array",
                "items": object_of(type=TEXT, title=TEXT, size=TEXT, params={"type": "object"}),
            },
            formats={"type": "array", "items": TEXT},
        ),
        "ticket": object_of(ticket=TEXT, expires_in=COUNT, url=TEXT),
    }


def _export_schemas(types: Sequence[ExportType]) -> dict[str, Schema]:
    """Describe each type's body; what its parameters are made of has a name of its own."""
    found: dict[str, Schema] = {}
    extensions = list(formats.all_formats())
    for declared in types:
        name = declared.name
        place = f"export.{name}.{{model}}"
        params = declared.parameters.model_json_schema(ref_template=f"#/components/schemas/{place}")
        for model, schema in params.pop("$defs", {}).items():
            found[place.format(model=model)] = schema
        found[f"export.{name}"] = {
            "type": "object",
            "title": declared.title,
            "required": ["type", "params"] if params.get("required") else ["type"],
            "additionalProperties": False,
            "properties": {
                "type": {"const": name},
                "params": params,
                "formats": {
                    "type": "array",
                    "items": {"type": "string", "enum": extensions},
                    "description": "Formats that are also written as one file each.",
                },
            },
        }
    return found


def _call(operation_id: str, summary: str, answers: Mapping[str, Path], *statuses: int) -> Path:
    return {
        "operationId": operation_id,
        "tags": [TAG],
        "summary": summary,
        "responses": dict(answers) | problems(*sorted({*_ALWAYS, *statuses})),
    }


def _get(
    operation_id: str,
    summary: str,
    answers: Mapping[str, Path],
    *statuses: int,
    parameters: list[Path] | None = None,
) -> Path:
    called = _call(operation_id, summary, answers, *statuses)
    return {"get": called | ({"parameters": parameters} if parameters else {})}


def _in_query(name: str, schema: Schema, description: str = "") -> Path:
    about = {"description": description} if description else {}
    return {"name": name, "in": "query", "schema": schema, **about}
