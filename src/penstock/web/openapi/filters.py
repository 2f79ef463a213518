"""Filters as parameters: one for each column and operator that fit, typed by the column."""

from collections.abc import Iterator, Mapping
from typing import Any

from penstock.model.dataset import Column, Dataset
from penstock.query import column_operators
from penstock.query.keys import key_of
from penstock.query.operators import Operator
from penstock.web.openapi.kinds import Schema, value_example, value_schema

Parameter = dict[str, Any]

_MEANINGS: Mapping[Operator, str] = {
    "exact": "Equals this, or one of these.",
    "not": "Differs from this; nulls stay.",
    "gt": "Above this.",
    "gte": "This or above.",
    "lt": "Below this.",
    "lte": "This or below.",
    "in": "One of these; a JSON array if a value holds a comma.",
    "notin": "None of these; nulls stay.",
    "contains": "Holds this text.",
    "icontains": "Holds this text, upper or lower case.",
    "startswith": "Begins with this text.",
    "endswith": "Ends with this text.",
    "date": "On this calendar day, UTC.",
    "isnull": "Null (0: not null).",
    "notnull": "Not null.",
    "isblank": "Null or the empty string.",
    "notblank": "Neither null nor the empty string.",
}


def filter_parameters(dataset: Dataset, *, equality_only: bool) -> dict[str, Parameter]:
    """Describe a dataset's filters, each under a name that no other dataset's takes.

    A column whose `=` is spelled with an operator (its name begins with `_`) counts as equality,
    and so does the test for null of one that can't be compared.
    """
    described = {}
    for index, (column, operator, key) in enumerate(_keys(dataset, equality_only=equality_only)):
        described[f"{dataset.name}.{index}"] = {
            "name": key,
            "in": "query",
            "description": _MEANINGS[operator],
            **_value(column, operator),
        }
    return described


def count_filters(dataset: Dataset, *, equality_only: bool) -> int:
    """Count what `filter_parameters` would describe."""
    return sum(1 for _ in _keys(dataset, equality_only=equality_only))


def _keys(dataset: Dataset, *, equality_only: bool) -> Iterator[tuple[Column, Operator, str]]:
    for column in dataset.columns:
        operators = column_operators(column)
        for operator in operators[:1] if equality_only else operators:
            key = key_of(column, operator, dataset)
            if key is not None:
                yield column, operator, key


def _value(column: Column, operator: Operator) -> Parameter:
    one, example = value_schema(column), value_example(column)
    match operator:
        case "exact":
            # Only text can equal the empty string.
            item: Schema = {"type": "string"} if column.kind == "text" else one
            return {"schema": {"type": "array", "items": item}, "example": [example]}
        case "in" | "notin":
            return {
                "schema": {"type": "array", "items": one, "minItems": 1},
                "explode": False,
                "example": [example],
            }
        case "date":
            return {
                "schema": {"$ref": "#/components/schemas/value.date"},
                "example": "2024-05-01",
            }
        case "isnull" | "notnull" | "isblank" | "notblank":
            return {"schema": {"$ref": "#/components/schemas/switch"}, "example": "1"}
        case _:
            return {"schema": one, "example": example}
