"""Two spellings of one query share one canonical query, and hostile text is a 400 or a value."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.query.query_parts import COLUMNS, Ask

from penstock.errors import BadExpressionError, QueryError
from penstock.model.slice import Compare, Constant
from penstock.query import CONTROLS, pairs_of
from penstock.query.operators import OPERATORS
from penstock.query.render import tightened

Pairs = list[tuple[str, str]]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a=1&name=x", "name=x&a=1"),
        ("a=1&a=2", "a=2&a=1&a=1"),
        ("name=a%2Fb", "name=a/b"),
        ("name=a+b", "name=a%20b"),
        ("a=01", "a=1"),
        ("price=1.50", "price=1.5"),
        ("open=yes", "open=true"),
        ("sent__gt=2024-05-01", "sent__gt=2024-05-01T01:00%2B01:00"),
        ("id=0B0EC9C69D584B539B556C4C0A9E8D1F", "id=0b0ec9c6-9d58-4b53-9b55-6c4c0a9e8d1f"),
        ("_header=on&_bom=off&_null=&_delimiter=,&_offset=0&_distinct=0&_excel=0", ""),
        ("_delimiter=%09", "_delimiter=tab"),
        ("_excel=1&_bom=1", "_excel=1"),
        ("_select=name, a", "_select=name,a+as+a"),
        ("_dl=off&_filename=x&utm_medium=mail&_version=v9", ""),
        ("_sort=+a,-name", "_sort=a,-name"),
        ("_limit=010", "_limit=10"),
        ("tiny__gte=1.5", "tiny__gt=1"),
        ("ratio=-0.0", "ratio=0"),
    ],
)
def test_two_spellings_are_one_query(ask: Ask, first: str, second: str) -> None:
    assert ask(first).canonical == ask(second).canonical
    assert ask(first).slice == ask(second).slice


@pytest.mark.parametrize(
    ("first", "second"),
    [("a=1", "a=2"), ("a=1", "a__not=1"), ("_sort=a,name", "_sort=name,a"), ("_sort=a", "_sort=-a"),
     ("_select=a,name", "_select=name,a"), ("name=", ""), ("_limit=1", "_offset=1"),
     ("name=a,b", "name__in=a,b"), ("_header=off", ""), ("name=a&Name=b", "name=b&Name=a")],
)  # fmt: skip
def test_different_queries_differ(ask: Ask, first: str, second: str) -> None:
    assert ask(first).canonical != ask(second).canonical


_names = [name for name, _, _ in COLUMNS]
_values = st.one_of(
    st.sampled_from(
        ["1", "0", "-5", "1.5", "1.005", "x", "", "true", "2024-05-01", "2024-05-01T10:00:00Z",
         "a,b", '["a,b",1]', "10:30", "00ff", "nan", "0b0ec9c6-9d58-4b53-9b55-6c4c0a9e8d1f", "off",
         "name", "a,-name", "count(*)", "name,count(*) as n", "a > 1", "open AND NOT a = 5",
         "name LIKE 'x%' OR a IN (3,1)", "count(*) > 5", "tab", "'", '"', "a;b", "v1"]
    ),
    st.text(max_size=12),
)  # fmt: skip
_keys = st.one_of(
    st.sampled_from(_names),
    st.tuples(st.sampled_from(_names), st.sampled_from(list(OPERATORS))).map("__".join),
    st.sampled_from(list(CONTROLS)),
    st.sampled_from(["utm_x", "fbclid", "nope", "_nope", "a__nope", "", "_", "__"]),
    st.text(max_size=6),
)  # fmt: skip
_pairs = st.lists(st.tuples(_keys, _values), max_size=6)


def parsed(ask: Ask, pairs: Pairs, format_name: str) -> bool:
    try:
        query = ask(pairs, format_name=format_name)
    except QueryError:
        return False
    again = ask(pairs_of(query.canonical.encode("ascii")), format_name=format_name)
    assert again.canonical == query.canonical
    assert again.slice == query.slice
    assert again.style == query.style
    assert again.canonical_without_page == query.canonical_without_page
    return True


@settings(max_examples=400, deadline=None)
@given(_pairs, st.sampled_from(["csv", "json", "parquet"]))
def test_any_pairs_are_a_query_with_a_stable_canonical_one_or_refused(
    ask: Ask, pairs: Pairs, format_name: str
) -> None:
    parsed(ask, pairs, format_name)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(_keys, _values), max_size=5, unique_by=lambda pair: pair[0]), st.randoms()
)
def test_the_order_of_keys_does_not_count(ask: Ask, pairs: Pairs, order: random.Random) -> None:
    try:
        query = ask(pairs)
    except QueryError:
        return
    shuffled = list(pairs)
    order.shuffle(shuffled)
    assert ask(shuffled) == query


def test_the_generated_pairs_are_mostly_good(ask: Ask) -> None:
    good = [("a", "1"), ("name__in", "a,b"), ("_where", "a > 1"), ("_sort", "a,-name"),
            ("price__gt", "1.005"), ("seen__date", "2024-05-01"), ("_limit", "1"),
            ("open", "true"), ("a__gt", "x"), ("_hidden__exact", "")]  # fmt: skip
    assert parsed(ask, good, "csv")


_tokens = st.sampled_from(
    ["a", "name", '"start-date"', "open", "price", "1", "1.5", "'x'", "'2024-05-01'", "(", ")", ",",
     "=", "<>", "<", ">=", "AND", "OR", "NOT", "IN", "IS", "NULL", "BETWEEN", "LIKE", "DISTINCT",
     "FROM", "-", "+", "*", "lower(", "coalesce(", "round(", "date_trunc(", "'month'", "count(",
     "true", "DATE", "CASE", "SELECT", ";", "--", "/*", "::", ".", "[", "{", "||", "?", "$1", "%",
     "interval", "exists", "cast(", "escape", "over", "e'\\x'", "$$", "!", "~", "@", "0x1", "1e"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(_tokens, max_size=25).map(" ".join) | st.text(max_size=80))
@example("'")
@example("\\")
@example("a=1;" * 500)
@example("a" + " is null" * 500)
@example("a = " * 900 + "1")
@example("a," * 2000)
@example("a in (" * 20 + "1" + ")" * 20)
@example("coalesce(" * 20 + "a" + ",1)" * 20 + " = 1")
@example("lower((" * 10 + "name" + "))" * 10 + " = 'x'")
@example("a between " * 400 + "1")
@example("a like " * 500)
@example("a is distinct from " * 200 + "1")
@example("distinct " * 400)
def test_any_expression_is_a_predicate_or_refused(ask: Ask, text: str) -> None:
    for control in ("_where", "_having"):
        try:
            ask([(control, text), *([("_group", "name")] if control == "_having" else [])])
        except QueryError:
            continue


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_list_of_names_is_read_or_refused(ask: Ask, text: str) -> None:
    for control in ("_select", "_exclude", "_group", "_sort"):
        try:
            query = ask([(control, text)])
        except QueryError:
            continue
        assert ask(query.canonical).slice == query.slice


@settings(deadline=None)
@given(st.text())
def test_tightening_changes_nothing_inside_quotes(text: str) -> None:
    quoted = "'" + text.replace("'", "''") + "'"
    assert tightened(f"  name  =\n {quoted} ") == f"name = {quoted}"


SQL = [
    "' OR 1=1 --", "1; DROP TABLE x", "1 UNION SELECT * FROM read_csv('/etc/passwd')",
    "name'); ATTACH 'x'; --", "(SELECT max(name) FROM t)", "1=1", "pg_sleep(10)",
    "'; COPY t TO 'x'; --", '" OR ""="', "read_text('/etc/passwd')", "1 OR 1=1",
    "name LIKE getenv('HOME')", "name = (SELECT 1)", "x' AND 1=0 UNION ALL SELECT '1",
]  # fmt: skip


@pytest.mark.parametrize("payload", SQL)
def test_sql_is_a_value_of_text_and_refused_everywhere_else(ask: Ask, payload: str) -> None:
    predicate = ask([("name", payload)]).slice.predicate
    assert isinstance(predicate, Compare)
    assert predicate.right == Constant(payload, "VARCHAR")
    with pytest.raises(QueryError):
        ask([(payload, "1")])
    with pytest.raises(QueryError):
        ask([(f"name__{payload}", "1")])
    with pytest.raises(QueryError):
        ask([("a", payload)])
    with pytest.raises(QueryError):
        ask([("_where", payload)])
    for control in sorted(set(CONTROLS) - {"_null", "_where"}):
        with pytest.raises(QueryError):
            ask([(control, payload)])


def test_naughty_strings_are_values_like_any_other(ask: Ask, inputs: Path) -> None:
    naughty = json.loads((inputs / "text" / "blns.json").read_text())
    for text in naughty:
        if "\0" in text:
            continue
        query = ask([("name", text), ("name__contains", text or "x")])
        again = ask(query.canonical)
        assert (again.slice, again.canonical) == (query.slice, query.canonical)
        quoted = text.replace("'", "''")
        try:
            query = ask([("_where", f"name = '{quoted}'")])
        except BadExpressionError:
            assert len(text.encode()) > 4000
            continue
        assert query.slice.predicate == ask([("name", text)]).slice.predicate
        assert ask(query.canonical).slice == query.slice
