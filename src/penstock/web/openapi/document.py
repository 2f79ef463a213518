"""The document: one tenant's datasets, their columns and every control, as OpenAPI 3.1."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from penstock import __version__, formats
from penstock.errors import PenstockError
from penstock.model.dataset import Dataset
from penstock.model.format import Format
from penstock.web.answers import Answer, cache_control, public_headers
from penstock.web.datasets import visible_entries
from penstock.web.front.identity import Asker
from penstock.web.http.conditional import entity_tag, is_held
from penstock.web.openapi.additions import Additions
from penstock.web.openapi.controls import SWITCH, control_parameters, header_parameters
from penstock.web.openapi.downloads import (
    FILTERS,
    DatasetDetail,
    download_paths,
    fitting_detail,
    general_paths,
    own_parameters,
)
from penstock.web.openapi.kinds import row_schema, shared_schemas
from penstock.web.openapi.metadata import TAG, metadata_paths, metadata_schemas
from penstock.web.openapi.responses import PROBLEM, shared_headers, shared_responses
from penstock.web.resources import Resources

_DESCRIPTION = """\
Any slice of a dataset from a URL: `/{dataset}.{format}?{filters and controls}`.

A key that is a column's name filters by equality, and repeated it means one of the values. \
`column__operator` compares otherwise: `not gt gte lt lte in notin contains icontains startswith \
endswith date isnull notnull isblank notblank`; `/{dataset}/-/schema.json` lists which of them fit \
a column. A key that begins with `_` is a control. An empty value is refused, except for text \
compared for equality. HEAD answers wherever GET does, and OPTIONS everywhere.

Listed here: DETAIL.
"""


_MOST_COLUMNS = 10_000
"""Columns whose types are listed; some 50 bytes each."""

_KEY = {
    "type": "apiKey",
    "in": "header",
    "name": "X-Api-Key",
    "description": "Opens private datasets, and jobs; public datasets need none.",
}


def answer(resources: Resources, asker: Asker, *, if_none_match: str | None = None) -> Answer:
    """Answer `/-/openapi.json` with what this asker may see; damaged datasets are left out."""
    datasets = []
    for entry in visible_entries(resources, asker):
        if entry.problem is None:
            # One that was replaced or taken away since it was listed is left out, too.
            try:
                datasets.append(resources.ports.catalog.dataset(asker.tenant.id, entry.name))
            except PenstockError:
                continue
    described = document(
        datasets,
        formats.all_formats(),
        title=asker.tenant.title or asker.tenant.id,
        additions=_jobs(asker) if resources.offers_exports else Additions(),
    )
    body = json.dumps(described, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    private = asker.key is not None
    tag = entity_tag("openapi", body.decode())
    headers = {"etag": tag, "cache-control": cache_control(private=private, whole=False)}
    if is_held(if_none_match, etag=tag):
        return Answer(status=304, headers=headers)
    return Answer(
        status=200,
        headers=headers
        | {"content-type": "application/json", "x-content-type-options": "nosniff"}
        | public_headers(private=private),
        body=body,
    )


def document(
    datasets: Sequence[Dataset],
    every_format: Mapping[str, Format],
    *,
    title: str,
    additions: Additions | None = None,
) -> dict[str, Any]:
    """Describe these datasets in these formats, and what else there is.

    The same datasets give the same document. It stays below 1 MB for tenants of some hundred
    columns: where every operator of every column would be too much, it lists equality alone, and
    where that is too much, too, the datasets by name.
    """
    additions = additions or Additions()
    detail = fitting_detail(datasets, every_format)
    names = [dataset.name for dataset in datasets]
    parameters = control_parameters() | header_parameters()
    paths = metadata_paths(names)
    schemas = shared_schemas() | metadata_schemas() | {"problem": PROBLEM, "switch": SWITCH}
    if sum(len(dataset.columns) for dataset in datasets) <= _MOST_COLUMNS:
        schemas |= {f"row.{dataset.name}": row_schema(dataset.columns) for dataset in datasets}
    if detail is DatasetDetail.NAMES:
        parameters["filters"] = FILTERS
        paths |= general_paths(names, every_format)
    else:
        for dataset in datasets:
            own = own_parameters(dataset, detail)
            parameters |= own
            paths |= download_paths(dataset, every_format, tuple(own))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": __version__,
            "description": _DESCRIPTION.replace("DETAIL", detail.value),
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"key": []}],
        "tags": [
            *_tags(datasets, detail),
            *additions.tags,
            {"name": TAG, "description": "What there is."},
        ],
        "paths": paths | additions.paths,
        "components": {
            "schemas": schemas | additions.schemas,
            "parameters": parameters,
            "headers": shared_headers(),
            "responses": shared_responses(every_format) | additions.responses,
            "securitySchemes": {"key": _KEY},
        },
    }


def _jobs(asker: Asker) -> Additions:
    # Downloads don't wait for what only this description needs.
    from penstock.web.jobs.access import fitting_types  # noqa: PLC0415 - see above
    from penstock.web.jobs.openapi import job_additions  # noqa: PLC0415 - see above

    return job_additions(fitting_types(asker))


def _tags(datasets: Sequence[Dataset], detail: DatasetDetail) -> list[dict[str, str]]:
    if detail is DatasetDetail.NAMES:
        return [{"name": "downloads", "description": "Slices of the datasets."}]
    return [
        {
            "name": dataset.name,
            "description": f"{'Private. ' if dataset.private else ''}{dataset.rows:,} rows, "
            f"{len(dataset.columns)} columns, version {dataset.version}.",
        }
        for dataset in datasets
    ]
