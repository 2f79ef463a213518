"""Downloads as paths: one for each dataset and format, in as much detail as a reader can bear."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from penstock.model.dataset import Dataset
from penstock.model.format import Format
from penstock.web.openapi.controls import (
    COUNTED,
    control_names,
    dataset_controls,
    header_parameters,
)
from penstock.web.openapi.filters import count_filters, filter_parameters
from penstock.web.openapi.metadata import count_path, dataset_parameter
from penstock.web.openapi.responses import (
    PROBLEM_STATUSES,
    is_json,
    problems,
    reference,
    whole_response,
)

Path = dict[str, Any]

MOST_REFERENCES = 10_000
"""At 70 to 90 bytes each they keep a document below 1 MB."""

_OF_A_PATH = 50
"""What a path costs besides its filters, counted in references."""

_WITH_KEY: Path = {"security": [{"key": []}]}
"""Added to what is private; a key is welcome everywhere else."""


class DatasetDetail(Enum):
    """How much is said of each dataset."""

    OPERATORS = "every column with every operator that fits it"
    EQUALITY = "every column, compared for equality"
    NAMES = "the datasets by name"


def fitting_detail(datasets: Sequence[Dataset], formats: Mapping[str, Format]) -> DatasetDetail:
    """Choose the most detail that keeps the document below a size that readers can bear."""
    for detail in (DatasetDetail.OPERATORS, DatasetDetail.EQUALITY):
        equality_only = detail is DatasetDetail.EQUALITY
        references = sum(
            (count_filters(dataset, equality_only=equality_only) + _OF_A_PATH) * (len(formats) + 1)
            for dataset in datasets
        )
        if references <= MOST_REFERENCES:
            return detail
    return DatasetDetail.NAMES


def own_parameters(dataset: Dataset, detail: DatasetDetail) -> dict[str, Path]:
    """Describe the parameters that only this dataset has."""
    filters = filter_parameters(dataset, equality_only=detail is DatasetDetail.EQUALITY)
    controls = dataset_controls(dataset)
    return filters | {f"{dataset.name}.{name}": each for name, each in controls.items()}


def download_paths(
    dataset: Dataset, formats: Mapping[str, Format], own: Sequence[str]
) -> dict[str, Path]:
    """Describe a dataset's downloads and its count; `own` names its parameters."""
    name = dataset.name
    shared = {"tags": [name]} | (_WITH_KEY if dataset.private else {})
    row = {"$ref": f"#/components/schemas/row.{name}"}
    paths = {
        f"/{name}.{extension}": _path(
            written,
            operation=f"{name}_{extension}",
            parameters=_parameters(own, name, control_names(extension), headers=True),
            whole=_whole(written, row),
            shared=shared,
        )
        for extension, written in formats.items()
    }
    paths[f"/{name}/-/count.json"] = count_path(
        f"count_{name}",
        _parameters(own, name, list(COUNTED), headers=False),
        shared=shared,
    )
    return paths


def general_paths(names: list[str], formats: Mapping[str, Format]) -> dict[str, Path]:
    """Describe the downloads of many datasets at once: their filters are any keys."""
    any_row = {"type": "object"}
    shared: Path = {"tags": ["downloads"]}
    common = [dataset_parameter(names), {"$ref": "#/components/parameters/filters"}]
    paths = {
        f"/{{dataset}}.{extension}": _path(
            written,
            operation=f"download_{extension}",
            parameters=common + _parameters((), "", control_names(extension), headers=True),
            whole=_whole(written, any_row),
            shared=shared,
        )
        for extension, written in formats.items()
    }
    paths["/{dataset}/-/count.json"] = count_path(
        "count",
        common + _parameters((), "", list(COUNTED), headers=False),
        shared=shared,
    )
    return paths


FILTERS: Path = {
    "name": "filters",
    "in": "query",
    "description": "Any column, or column and operator (`name__gte`), with a value.",
    "style": "form",
    "explode": True,
    "schema": {"type": "object", "additionalProperties": {"type": "string"}},
}
"""What stands for all filters where there are too many to list."""


def _path(
    written: Format,
    *,
    operation: str,
    parameters: list[Path],
    whole: Path,
    shared: Path,
) -> Path:
    return {
        "parameters": parameters,
        "get": {
            "operationId": f"get_{operation}",
            "summary": f"A slice as {written.name}.",
            "responses": {
                "200": whole,
                "206": reference(f"part-{written.extension}"),
                "304": reference("not-modified"),
                **problems(*PROBLEM_STATUSES),
            },
            **shared,
        },
        "head": {
            "operationId": f"head_{operation}",
            "summary": "What the same GET would say of itself.",
            "responses": {
                "200": reference("head"),
                "304": reference("not-modified"),
                "4XX": reference("head-problem"),
                "5XX": reference("head-problem"),
            },
            **shared,
        },
        "options": {
            "operationId": f"options_{operation}",
            "summary": "What pages of any origin may ask.",
            "responses": {
                "204": reference("preflight"),
                "4XX": reference("head-problem"),
            },
            **shared,
        },
    }


def _whole(written: Format, row: Path) -> Path:
    if not is_json(written):
        return reference(f"whole-{written.extension}")
    schema = {"type": "array", "items": row} if written.extension == "json" else row
    return whole_response(written, schema=schema)


def _parameters(
    own: Sequence[str], dataset: str, controls: list[str], *, headers: bool
) -> list[Path]:
    filters = [name for name in own if not name.startswith(f"{dataset}._")]
    names = [f"{dataset}.{name}" if f"{dataset}.{name}" in own else name for name in controls]
    shared = list(header_parameters()) if headers else ["If-None-Match"]
    return [{"$ref": f"#/components/parameters/{name}"} for name in (*filters, *names, *shared)]
