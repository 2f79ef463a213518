"""Keys are resolved in the order of the grammar, and mistyped ones get a suggestion."""

from typing import get_args

import pytest
from tests.unit.query.query_parts import Ask, dataset_of

from penstock.errors import (
    BadValueError,
    QueryError,
    RepeatedParameterError,
    TooManyFiltersError,
    UnknownParameterError,
)
from penstock.model.dataset import Column, ColumnKind, Dataset
from penstock.model.slice import ColumnRef, Compare, Constant
from penstock.query import CONTROLS, QueryLimits, column_operators


def equals(column: str, value: str) -> Compare:
    return Compare(ColumnRef(column), "=", Constant(value, "VARCHAR"))


def test_a_key_that_is_exactly_a_column_is_equality(ask: Ask) -> None:
    assert ask("name=%3E5").slice.predicate == equals("name", ">5")


def test_a_columns_exact_name_comes_before_its_reading_as_an_operator(ask: Ask) -> None:
    assert ask("a__gt=5").slice.predicate == equals("a__gt", "5")
    assert ask("a__gt__exact=5").slice.predicate == equals("a__gt", "5")


def test_names_match_by_case(ask: Ask) -> None:
    assert ask("Name=x").slice.predicate == equals("Name", "x")
    with pytest.raises(UnknownParameterError, match="name or Name"):
        ask("NAME=x")


def test_a_column_that_begins_with_an_underscore_is_reached_by_an_operator(ask: Ask) -> None:
    assert ask("_hidden__exact=x").slice.predicate == equals("_hidden", "x")
    with pytest.raises(UnknownParameterError, match="Did you mean _hidden__exact"):
        ask("_hidden=x")


def test_a_control_comes_before_a_column_of_its_name(ask: Ask) -> None:
    assert ask("_sort=a").slice.sort
    assert ask("_sort__exact=5").slice.predicate is not None


def test_unknown_keys_are_refused_with_what_was_meant(ask: Ask) -> None:
    for key, meant in {
        "organisation_entity": "organisation-entity",
        "ORGANISATION-ENTITY": "organisation-entity",
        "organisation_entity__gt": "organisation-entity__gt",
        "limit": "_limit",
        "_limt": "_limit",
        "nmae": "name",
        "name__contians": "name__contains",
        "name__eq": None,
        "price__greater": None,
        "zzzzzz": None,
    }.items():
        with pytest.raises(UnknownParameterError) as caught:
            ask([(key, "1")])
        suggestions = caught.value.facts.get("did_you_mean")
        assert caught.value.facts["parameter"] == key
        if meant is not None:
            assert isinstance(suggestions, list)
            assert meant in suggestions


def test_what_advertisers_append_is_ignored_unless_it_is_a_column(ask: Ask) -> None:
    assert ask("utm_medium=mail&fbclid=1&gclid=&utm_campaign=").is_whole
    assert ask("utm_source=mail").slice.predicate == equals("utm_source", "mail")
    with pytest.raises(UnknownParameterError):
        ask("utm_source__gtx=mail")


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_stands_only_once(ask: Ask, name: str) -> None:
    with pytest.raises(RepeatedParameterError):
        ask([(name, "1"), (name, "1")])


@pytest.mark.parametrize("name", sorted(set(CONTROLS) - {"_null"}))
def test_a_control_without_a_value_is_refused(ask: Ask, name: str) -> None:
    with pytest.raises(BadValueError):
        ask([(name, "")])


def test_every_control_says_what_it_does_and_gives_an_example() -> None:
    assert all(control.description and control.example for control in CONTROLS.values())


def test_filters_are_counted_and_where_is_one(ask: Ask) -> None:
    limits = QueryLimits(filters=2)
    ask("a=1&a=2", limits=limits)
    with pytest.raises(TooManyFiltersError):
        ask("a=1&a=2&a=2", limits=limits)
    with pytest.raises(TooManyFiltersError):
        ask("a=1&a=2&_where=a%3E1", limits=limits)


def test_an_operator_that_does_not_fit_is_refused_with_those_that_do(ask: Ask) -> None:
    with pytest.raises(UnknownParameterError, match=r"organisation-entity.*BIGINT.*__gte"):
        ask("organisation-entity__contains=1")
    with pytest.raises(UnknownParameterError, match=r"name.*VARCHAR"):
        ask("name__date=2024-05-01")
    with pytest.raises(UnknownParameterError, match=r"= doesn't fit column “point”"):
        ask("point=1")


@pytest.mark.parametrize("kind", get_args(ColumnKind))
def test_every_kind_of_column_can_be_tested_for_null(kind: ColumnKind) -> None:
    operators = column_operators(Column(name="c", kind=kind, type_name="T"))
    assert {"isnull", "notnull", "isblank", "notblank"} <= set(operators)
    assert ("contains" in operators) == (kind == "text")
    assert ("date" in operators) == (kind in {"date", "timestamp", "timestamptz"})


def test_every_listed_operator_is_accepted_for_its_column(ask: Ask, dataset: Dataset) -> None:
    values = {"integer": "5", "decimal": "5", "float": "5", "boolean": "1", "text": "x",
              "date": "2024-05-01", "time": "10:00", "timestamp": "2024-05-01T10:00",
              "timestamptz": "2024-05-01T10:00Z", "binary": "00",
              "uuid": "0b0ec9c6-9d58-4b53-9b55-6c4c0a9e8d1f"}  # fmt: skip
    for column in dataset.columns:
        for operator in column_operators(column):
            value = "1" if operator.endswith(("null", "blank")) else values[column.kind]
            value = "2024-05-01" if operator == "date" else value
            assert ask([(f"{column.name}__{operator}", value)]).slice.predicate is not None


def test_a_column_without_a_name_can_be_filtered(ask: Ask) -> None:
    nameless = dataset_of((("", "text", "VARCHAR"),))
    assert ask("=x", dataset=nameless).slice.predicate == equals("", "x")
    assert ask("__exact=x", dataset=nameless).canonical == "=x"


def test_a_dataset_of_many_columns_answers_a_mistake(ask: Ask) -> None:
    wide = dataset_of(tuple((f"column-{n}", "text", "VARCHAR") for n in range(5000)))
    with pytest.raises(QueryError, match="column-17"):
        ask("column_17=x", dataset=wide)
    with pytest.raises(QueryError):
        ask([("c" * 8000, "x")], dataset=wide)
