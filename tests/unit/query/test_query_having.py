"""Predicates on groups: outputs, the columns of the groups, and aggregates."""

import pytest
from tests.unit.query.query_parts import Ask

from penstock.errors import BadExpressionError, QueryError
from penstock.model.slice import Aggregate, And, ColumnRef, Compare, Constant, Truth


def test_having_knows_outputs_groups_and_aggregates(ask: Ask) -> None:
    found = ask(
        [
            ("_select", "name as who,count(*) as n,avg(price)"),
            ("_group", "name,open"),
            ("_having", "n > 10 AND who <> 'x' AND name <> 'y' AND open AND avg_price > 0.5"),
        ]
    )
    count, avg = Aggregate("count"), Aggregate("avg", ColumnRef("price"))
    assert found.slice.having == And(
        (
            Compare(count, ">", Constant(10, "BIGINT")),
            Compare(ColumnRef("name"), "<>", Constant("x", "VARCHAR")),
            Compare(ColumnRef("name"), "<>", Constant("y", "VARCHAR")),
            Truth(ColumnRef("open")),
            Compare(avg, ">", Constant(0.5, "DOUBLE")),
        )
    )
    assert ask(found.canonical).slice == found.slice


@pytest.mark.parametrize(
    "having",
    ["a > 1", "sum(name) > 1", "count(a, name) > 1", "sum(DISTINCT a) > 1", "sum(*) > 1",
     "avg(lower(name)) > 1", "sum(nope) > 1", "count(*) FILTER (WHERE open) > 1",
     "max(a) OVER () > 1", "max(a, 2) > 1", "min(point) IS NULL", "sum(sum(a)) > 1"],
)  # fmt: skip
def test_having_refuses_what_no_group_has(ask: Ask, having: str) -> None:
    with pytest.raises(QueryError):
        ask([("_select", "name,count(*)"), ("_group", "name"), ("_having", having)])


def test_having_wants_groups(ask: Ask) -> None:
    with pytest.raises(BadExpressionError, match="_where"):
        ask("_having=a%3E1")


def test_swapped_names_keep_their_meaning_in_the_canonical_text(ask: Ask) -> None:
    found = ask(
        [("_select", "a as tiny,tiny as a"), ("_group", "a,tiny"), ("_having", "a > 1"),
         ("_sort", "-a")]
    )  # fmt: skip
    assert found.slice.having == Compare(ColumnRef("tiny"), ">", Constant(1, "TINYINT"))
    again = ask(found.canonical)
    assert (again.slice, again.canonical) == (found.slice, found.canonical)
