"""Filters: every form of the grammar's table."""

from datetime import date

import pytest
from tests.unit.query.query_parts import Ask, dataset_of

from penstock.errors import BadValueError
from penstock.model.slice import (
    And,
    ColumnRef,
    Compare,
    Constant,
    Expression,
    InList,
    IsBlank,
    IsNull,
    OnDay,
    Or,
    TextMatch,
)

NAME = ColumnRef("name")
A = ColumnRef("a")


def texts(*values: str) -> tuple[Expression, ...]:
    return tuple(Constant(value, "VARCHAR") for value in values)


def test_one_value_is_equality(ask: Ask) -> None:
    expected = Compare(NAME, "=", Constant("x", "VARCHAR"))
    assert ask("name=x").slice.predicate == expected
    assert ask("name__exact=x").slice.predicate == expected
    assert ask("name__in=x").slice.predicate == expected


@pytest.mark.parametrize(
    "query",
    ["name=a&name=b", "name=b&name__exact=a", "name__in=a,b", 'name__in=["b","a"]',
     "name__in=a&name__in=b", "name=a&name=b&name=a"],
)  # fmt: skip
def test_repeated_values_are_one_of_in_any_spelling(ask: Ask, query: str) -> None:
    found = ask(query)
    assert found.slice.predicate == InList(NAME, texts("a", "b"))
    assert found.canonical == "name__in=a,b"


def test_different_operators_of_one_column_are_anded(ask: Ask) -> None:
    assert ask("name__in=a,b,c&name=b&name=c&name=d").canonical == "name__in=b,c"
    nothing = ask("name__in=a,b&name=c")
    assert nothing.slice.predicate == And(
        (Compare(NAME, "=", texts("c")[0]), Compare(NAME, "=", texts("a")[0]))
    )
    assert nothing.canonical == "name=c&name__in=a"


def test_a_json_array_holds_commas_numbers_and_truth_values(ask: Ask) -> None:
    found = ask([("name__in", '["a,b", 1.50, true, ""]')])
    assert found.slice.predicate == InList(NAME, texts("", "1.50", "a,b", "true"))
    assert ask("a__in=[1,2]").slice.predicate == ask("a__in=1,2").slice.predicate


@pytest.mark.parametrize(
    "value",
    ["", "[]", "a,", ",", "[null]", "[[1]]", '[{"a":1}]', "[NaN]", "[1", "[" * 5000,
     '["\\u0000"]', '["\\ud800"]'],
)  # fmt: skip
def test_a_list_that_is_none_is_refused(ask: Ask, value: str) -> None:
    with pytest.raises(BadValueError):
        ask([("name__in", value)])


def test_not_keeps_nulls_and_so_does_notin(ask: Ask) -> None:
    assert ask("name__not=a").slice.predicate == Compare(
        NAME, "IS DISTINCT FROM", Constant("a", "VARCHAR")
    )
    others = Or((InList(NAME, texts("a", "b"), negated=True), IsNull(NAME)))
    for query in ("name__not=a&name__not=b", "name__notin=b,a", "name__notin=a&name__not=b"):
        assert ask(query).slice.predicate == others


def test_comparisons_are_anded(ask: Ask) -> None:
    tiny = ColumnRef("tiny")
    assert ask("tiny__gt=1&tiny__lte=5").slice.predicate == And(
        (Compare(tiny, ">", Constant(1, "TINYINT")), Compare(tiny, "<=", Constant(5, "TINYINT")))
    )
    assert isinstance(ask("tiny__gt=1&tiny__gt=2").slice.predicate, And)


@pytest.mark.parametrize("operator", ["contains", "icontains", "startswith", "endswith"])
def test_text_tests_are_literal_and_anded(ask: Ask, operator: str) -> None:
    found = ask([(f"name__{operator}", "50%_"), (f"name__{operator}", "x")])
    assert isinstance(found.slice.predicate, And)
    assert TextMatch(NAME, operator, "50%_") in found.slice.predicate.items  # type: ignore[arg-type] # one of the literals


def test_null_tests_take_switches(ask: Ask) -> None:
    assert ask("name__isnull=1").slice.predicate == IsNull(NAME)
    assert ask("name__isnull=0").slice.predicate == IsNull(NAME, negated=True)
    assert ask("name__notnull=true").canonical == "name__notnull=1"
    assert ask("name__notnull=off").canonical == "name__isnull=1"
    with pytest.raises(BadValueError):
        ask("name__isnull=maybe")


def test_blank_is_null_or_empty_text_and_of_other_types_null(ask: Ask) -> None:
    assert ask("name__isblank=1").slice.predicate == IsBlank(NAME)
    assert ask("name__notblank=1").slice.predicate == IsBlank(NAME, negated=True)
    assert ask("a__isblank=1").slice.predicate == IsNull(A)
    assert ask("point__notblank=1").canonical == "point__notnull=1"


def test_a_day_is_a_day_and_several_are_one_of(ask: Ask) -> None:
    first, second = (OnDay(ColumnRef("seen"), date(2024, 5, day)) for day in (1, 2))
    assert ask("seen__date=2024-05-01").slice.predicate == first
    assert ask("seen__date=2024-05-02&seen__date=2024-05-01").slice.predicate == Or((first, second))
    assert ask("start-date__date=2024-05-01").slice.predicate is not None
    with pytest.raises(BadValueError):
        ask("seen__date=2024-05-01T10:00:00")


def test_a_blank_value_is_refused_except_for_equality_of_text(ask: Ask) -> None:
    assert ask("name=").slice.predicate == Compare(NAME, "=", Constant("", "VARCHAR"))
    assert ask("name__exact=").slice.predicate == Compare(NAME, "=", Constant("", "VARCHAR"))
    for query in ("a=", "a__exact=", "name__not=", "name__contains=", "name__in=", "seen__date=",
                  "name__isnull=", "name__gt=", "organisation-entity="):  # fmt: skip
        with pytest.raises(BadValueError):
            ask(query)


def test_a_spelling_that_is_another_columns_name_is_never_canonical(ask: Ask) -> None:
    crowded = dataset_of(
        (
            ("n", "integer", "INTEGER"),
            ("n__in", "text", "VARCHAR"),
            ("n__gt", "text", "VARCHAR"),
            ("n__notnull", "text", "VARCHAR"),
            ("n__not", "text", "VARCHAR"),
        )
    )
    for query, canonical in {
        "n=1&n=2": "n=1&n=2",
        "n__gte=1.5": "n__gte=1.5",
        "n__isnull=0": "n__isnull=0",
        "n__notin=1": "n__notin=1",
    }.items():
        found = ask(query, dataset=crowded)
        assert found.canonical == canonical
        again = ask(canonical, dataset=crowded)
        assert (again.slice, again.canonical) == (found.slice, canonical)
