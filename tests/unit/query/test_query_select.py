"""Columns, aggregates, groups and order."""

import pytest
from tests.unit.query.query_parts import Ask

from penstock.errors import BadExpressionError, ConflictingParametersError, UnknownColumnError
from penstock.model.dataset import Dataset
from penstock.model.slice import Aggregate, ColumnRef, Output, SortKey

COUNT = Aggregate("count")


def names(ask: Ask, query: str | list[tuple[str, str]]) -> list[str]:
    return [output.name for output in ask(query).slice.outputs]


def test_nothing_said_is_the_whole_dataset_in_file_order(ask: Ask, dataset: Dataset) -> None:
    query = ask("")
    assert [output.name for output in query.slice.outputs] == list(dataset.by_name)
    assert query.is_whole
    assert query.slice.in_file_order


def test_columns_come_in_the_order_asked_and_renamed(ask: Ask) -> None:
    assert ask("_select=price,name+as+who, a AS n ").slice.outputs == (
        Output("price", ColumnRef("price")),
        Output("who", ColumnRef("name")),
        Output("n", ColumnRef("a")),
    )


def test_quotes_reach_every_name(ask: Ask) -> None:
    select = '"x, y","p as q" as "r, s","say ""hi""",-b,名前,_hidden'
    assert names(ask, [("_select", select)]) == [
        "x, y",
        "r, s",
        'say "hi"',
        "-b",
        "名前",
        "_hidden",
    ]
    found = ask([("_select", select)])
    assert ask(found.canonical).slice == found.slice


def test_all_columns_but_some_keep_the_schemas_order(ask: Ask, dataset: Dataset) -> None:
    assert names(ask, "_exclude=point,name") == [
        name for name in dataset.by_name if name not in {"point", "name"}
    ]
    assert ask("_exclude=point,name").canonical == ask("_exclude=name,point,name").canonical


@pytest.mark.parametrize(
    "select", ["", "nope", "name,,a", "name,", '"name', "name name", '"name"a', "sum(a", "sum()",
               "name as", "name as ,a", "sum(nope)", "foo(a)", "sum(a) b", "count(distinct *)",
               'name as ""', "*"]
)  # fmt: skip
def test_a_selection_that_does_not_read_is_refused(ask: Ask, select: str) -> None:
    with pytest.raises((BadExpressionError, UnknownColumnError)):
        ask([("_select", select or ",")])


def test_two_columns_of_one_name_are_refused_with_a_way_out(ask: Ask) -> None:
    with pytest.raises(BadExpressionError, match="name as name_2"):
        ask("_select=name,name")
    with pytest.raises(BadExpressionError):
        ask("_select=name,a+as+name")
    assert names(ask, "_select=name,name+as+again") == ["name", "again"]


def test_select_and_exclude_contradict_each_other(ask: Ask) -> None:
    with pytest.raises(ConflictingParametersError):
        ask("_select=name&_exclude=a")
    with pytest.raises(ConflictingParametersError):
        ask("_group=name&_exclude=a")


def test_leaving_out_every_column_is_refused(ask: Ask, dataset: Dataset) -> None:
    listed = ",".join('"' + name.replace('"', '""') + '"' for name in dataset.by_name)
    with pytest.raises(BadExpressionError):
        ask([("_exclude", listed)])


def test_aggregates_without_groups_are_one_row_with_names_of_their_own(ask: Ask) -> None:
    query = ask("_select=count(*),count(a),COUNT(DISTINCT a),sum(price),avg(a),min(name),max(seen)")
    assert query.slice.grouped
    assert query.slice.group == ()
    assert [output.name for output in query.slice.outputs] == [
        "count", "count_a", "count_distinct_a", "sum_price", "avg_a", "min_name", "max_seen",
    ]  # fmt: skip
    assert query.slice.outputs[2].source == Aggregate("count", ColumnRef("a"), distinct=True)
    assert names(ask, "_select=count()+as+n") == ["n"]


@pytest.mark.parametrize(
    "select", ["sum(name)", "avg(seen)", "min(point)", "max(point)", "sum(distinct a)", "sum(*)"]
)
def test_an_aggregate_that_does_not_fit_its_column_is_refused(ask: Ask, select: str) -> None:
    with pytest.raises(BadExpressionError):
        ask([("_select", select)])


def test_groups_with_aggregates(ask: Ask) -> None:
    query = ask("_select=open,count(*)+as+n,name&_group=open,name")
    assert query.slice.group == (ColumnRef("name"), ColumnRef("open"))
    assert query.slice.outputs == (
        Output("open", ColumnRef("open")),
        Output("n", COUNT),
        Output("name", ColumnRef("name")),
    )


def test_groups_alone_are_their_distinct_values(ask: Ask) -> None:
    query = ask("_group=open,name")
    assert names(ask, "_group=open,name") == ["open", "name"]
    assert query.slice.grouped
    assert query.canonical == ask("_select=open,name&_group=name,open").canonical


def test_a_column_that_is_neither_grouped_nor_aggregated_is_refused(ask: Ask) -> None:
    for query in ("_select=name,count(*)", "_select=name,a&_group=name"):
        with pytest.raises(BadExpressionError, match="_group"):
            ask(query)


def test_nested_columns_are_neither_grouped_nor_sorted_nor_made_distinct(ask: Ask) -> None:
    for query in ("_group=point", "_sort=point", "_distinct=1", "_select=point&_distinct=1"):
        with pytest.raises(BadExpressionError, match="point"):
            ask(query)


def test_distinct_rows_of_a_selection(ask: Ask) -> None:
    assert ask("_select=name&_distinct=1").slice.distinct
    assert not ask("_select=name&_distinct=0").slice.distinct
    for query in ("_group=name&_distinct=1", "_select=count(*)&_distinct=1"):
        with pytest.raises(ConflictingParametersError):
            ask(query)


def test_rows_are_sorted_by_columns_or_outputs(ask: Ask) -> None:
    assert ask("_sort=a,-name").slice.sort == (
        SortKey(ColumnRef("a")),
        SortKey(ColumnRef("name"), descending=True),
    )
    assert ask("_select=name&_sort=-price").slice.sort == (
        SortKey(ColumnRef("price"), descending=True),
    )
    assert ask("_select=name+as+who&_sort=who").slice.sort == (SortKey(ColumnRef("name")),)
    assert ask("_select=a+as+name&_sort=name").slice.sort == (SortKey(ColumnRef("a")),)


def test_a_column_that_begins_with_a_dash_is_sorted_by_in_quotes(ask: Ask) -> None:
    assert ask([("_sort", '"-b"')]).slice.sort == (SortKey(ColumnRef("-b")),)
    assert ask([("_sort", '-"-b"')]).slice.sort == (SortKey(ColumnRef("-b"), descending=True),)
    assert ask("_sort=--b").slice.sort == (SortKey(ColumnRef("-b"), descending=True),)


def test_groups_and_distinct_rows_are_sorted_by_outputs_alone(ask: Ask) -> None:
    query = ask("_select=name+as+who,count(*)+as+n&_group=name&_sort=-n,name")
    assert query.slice.sort == (SortKey(COUNT, descending=True), SortKey(ColumnRef("name")))
    assert query.canonical.endswith("_sort=-n,who")
    for text in ("_group=name&_sort=a", "_select=name&_distinct=1&_sort=a"):
        with pytest.raises(BadExpressionError):
            ask(text)


def test_a_sort_that_names_nothing_or_one_thing_twice_is_refused(ask: Ask) -> None:
    with pytest.raises(UnknownColumnError, match="name"):
        ask("_sort=nmae")
    with pytest.raises(UnknownColumnError):
        ask("_group=name&_sort=nope")
    for text in ("_sort=a,-a", "_sort=a,", "_sort=-"):
        with pytest.raises(BadExpressionError):
            ask(text)
