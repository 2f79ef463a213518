"""Checking: what is asked for is refused before there is a job, or made into one's parameters."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import ValidationError

from penstock import formats as all_formats
from penstock.errors import BodyError, ForbiddenError
from penstock.exports import named
from penstock.exports.check_slice import check_slice
from penstock.exports.declaration import ExportType, SliceSource
from penstock.exports.parameters import Parameters
from penstock.exports.slice_query import SliceParameters
from penstock.model.dataset import Dataset
from penstock.model.job import Job, SizeClass
from penstock.model.key import Role, has_role
from penstock.model.signature import SigningKey
from penstock.query.did_you_mean import near

FORMATS = "formats"
"""Where a job's parameters hold the further formats of its result, if there are any."""

_SHOWN_CHARACTERS = 60

OpenDataset: TypeAlias = Callable[[str, str | None], Dataset]
"""Gives a dataset in a version, or the current one, to whoever asks here, if they may have it.

Raises UnknownDatasetError, VersionGoneError, DatasetDamagedError and BusyError.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requester:
    """Who asks, as far as an export's parameters depend on it."""

    role: Role | None
    """None: without a key."""
    open_dataset: OpenDataset
    signing_keys: Callable[[], Sequence[SigningKey]]
    """The tenant's own; looked up for a query with a cursor alone."""
    filters: int = 50
    """Filters that a slice's query may hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedExport:
    """What a job is to be made of; two requests with one meaning have equal `params`."""

    type: ExportType
    params: Mapping[str, Any]
    """As JSON: the parameters that were given, in their canonical spelling, and `formats`."""
    size: SizeClass
    dataset_version: str | None = None


def check(
    type_name: str, params: Mapping[str, Any], *, formats: Sequence[str] = (), asking: Requester
) -> CheckedExport:
    """Check a request for an export, and make it canonical.

    Of a slice, the dataset is opened, its version is pinned, and the query is read against it; no
    row is. Of a table, no database is asked.

    Raises UnknownTypeError, ForbiddenError where the role doesn't suffice, BodyError, which names
    the field and shows no value; for slices QueryError, CursorGoneError, and what `open_dataset`
    raises.
    """
    wanted = named(type_name)
    if not has_role(asking.role, least=wanted.role):
        raise ForbiddenError(f"An export of “{wanted.name}” needs a key of the role {wanted.role}.")
    extensions = _extensions(formats)
    given = parameters_of(wanted, params)
    size, version = wanted.size, None
    if isinstance(wanted.source, SliceSource):
        if not isinstance(given, SliceParameters):
            raise TypeError(f"the parameters of {wanted.name} are no slice's")
        checked = check_slice(
            given,
            extensions,
            open_dataset=asking.open_dataset,
            signing_keys=asking.signing_keys,
            filters=asking.filters,
        )
        given, size, version = checked.parameters, checked.size, checked.dataset.version
    canonical: dict[str, Any] = given.model_dump(mode="json", exclude_none=True)
    if extensions:
        canonical[FORMATS] = list(extensions)
    return CheckedExport(type=wanted, params=canonical, size=size, dataset_version=version)


def parameters_of(wanted: ExportType, params: Mapping[str, Any]) -> Parameters:
    """Read parameters, as JSON holds them, into a type's model.

    Nothing is taken for what it isn't: 1 is not true, and "1" is no number. What JSON has no type
    for, such as a date, is text.

    Raises BodyError, which names the first field at fault and shows no value.
    """
    model = wanted.parameters
    try:
        return model.model_validate_json(json.dumps(dict(params)), strict=True)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False, include_context=False)[0]
        path = [str(step)[:_SHOWN_CHARACTERS] for step in fault["loc"]]
        field = ".".join(["params", *path])
        said = _lowered(fault["msg"].removeprefix("Value error, "))
        if fault["type"] == "extra_forbidden":
            known = list(model.model_fields)
            said = f"“{wanted.name}” has no such parameter"
            if found := near(path[0], known):
                said += f": did you mean {' or '.join(found)}?"
            elif known:
                said += f", it has {', '.join(known)}."
            else:
                said += ": it has none."
        raise BodyError(f"{field}: {said}", field=field) from None


def given_of(wanted: ExportType, job: Job) -> Parameters:
    """Read a job's parameters, as they were when it was checked. Raises BodyError."""
    return parameters_of(wanted, {k: v for k, v in job.params.items() if k != FORMATS})


def _extensions(formats: Sequence[str]) -> tuple[str, ...]:
    """Name the formats, each once, in one order. Raises BodyError."""
    known = all_formats.all_formats()
    for extension in formats:
        if extension not in known:
            shown = extension[:_SHOWN_CHARACTERS]
            raise BodyError(
                f"formats: “{shown}” is no format here: use some of {', '.join(known)}.",
                field="formats",
            )
    return tuple(extension for extension in known if extension in formats)


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]
