"""Export requests: the body of `POST /v1/exports`, and its idempotency key."""

import json
import math
import re
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from penstock.errors import (
    BadRequestError,
    BodyError,
)

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_MOST_FORMATS = 20
_DEEPEST = 20


class ExportRequest(BaseModel):
    """The body of `POST /v1/exports`."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    type: Annotated[str, Field(max_length=100)]
    params: dict[str, Any] = Field(default_factory=dict)
    formats: list[Annotated[str, Field(max_length=20)]] = Field(
        default_factory=list, max_length=_MOST_FORMATS
    )


def wanted_export(content: bytes) -> ExportRequest:
    """Read the body of a request for an export.

    Raises BodyError, which names the field at fault and shows no value.
    """
    try:
        document = json.loads(content, object_pairs_hook=_without_repeats, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise BodyError("The body is no usable JSON.") from error
    if not isinstance(document, dict):
        raise BodyError("The body is a JSON object.")
    if not _is_storable(document):
        raise BodyError(
            "The body is nested too deeply, or holds a text with NUL or half a character, or a "
            "number too large."
        )
    try:
        return ExportRequest.model_validate(document)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False, include_context=False)[0]
        field = ".".join(str(step)[:100] for step in fault["loc"])
        if fault["type"] == "extra_forbidden":
            known = list(ExportRequest.model_fields)
            raise BodyError(
                f"{field}: there is no such field; use {', '.join(known)}.", field=field
            ) from None
        raise BodyError(f"{field}: {fault['msg'].lower()}.", field=field) from None


def idempotency_key(request: Request) -> str | None:
    """Give the request's Idempotency-Key: 1 to 255 visible ASCII characters.

    Raises BadRequestError for any other, and for more than one.
    """
    given = request.headers.getlist("idempotency-key")
    if not given:
        return None
    if len(given) > 1 or not _KEY.fullmatch(given[0]):
        raise BadRequestError("An Idempotency-Key is 1 to 255 visible ASCII characters, once.")
    return given[0]


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _is_storable(value: object, depth: int = 0) -> bool:
    """Whether a store, a database and a file name can hold every text and number of a document."""
    if depth > _DEEPEST:
        return False
    match value:
        case str():
            return "\0" not in value and not any("\ud800" <= each <= "\udfff" for each in value)
        case float():
            return math.isfinite(value)
        case dict():
            return all(_is_storable(each, depth + 1) for pair in value.items() for each in pair)
        case list():
            return all(_is_storable(each, depth + 1) for each in value)
        case _:
            return True


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
