"""Expressions: an allow-list, literals typed by the other side, and 400s that say what to do."""

import subprocess
import sys
from datetime import datetime
from decimal import Decimal

import pytest
from tests.unit.query.query_parts import Ask

from penstock.errors import BadExpressionError, BadValueError, UnknownColumnError
from penstock.model.slice import (
    And,
    Call,
    ColumnRef,
    Compare,
    Constant,
    InList,
    IsNull,
    Like,
    Not,
    Or,
    Predicate,
    Truth,
)

A = ColumnRef("a")
NAME = ColumnRef("name")


def where(ask: Ask, text: str) -> Predicate:
    predicate = ask([("_where", text)]).slice.predicate
    assert predicate is not None
    return predicate


def integer(value: int) -> Constant:
    return Constant(value, "INTEGER")


def widest(value: int) -> Constant:
    return Constant(value, "HUGEINT")


@pytest.mark.parametrize(
    ("text", "predicate"),
    [
        ("a = 5", Compare(A, "=", integer(5))),
        ("a == 5", Compare(A, "=", integer(5))),
        ("5 < a", Compare(A, ">", integer(5))),
        ("a <> -5", Compare(A, "<>", integer(-5))),
        ("a != 5", Compare(A, "<>", integer(5))),
        ("a >= '5'", Compare(A, ">=", integer(5))),
        ("a > 1.5", Compare(A, ">", integer(1))),
        ("a IS NULL", IsNull(A)),
        ("a is not null", IsNull(A, negated=True)),
        ("NOT a IS NULL", IsNull(A, negated=True)),
        ("a IS DISTINCT FROM 5", Compare(A, "IS DISTINCT FROM", integer(5))),
        ("a IS NOT DISTINCT FROM 5", Not(Compare(A, "IS DISTINCT FROM", integer(5)))),
        ("a IN (1, 2)", InList(A, (integer(1), integer(2)))),
        ("a NOT IN (1)", InList(A, (integer(1),), negated=True)),
        ("a BETWEEN 1 AND 5", And((Compare(A, ">=", integer(1)), Compare(A, "<=", integer(5))))),
        (
            "a NOT BETWEEN 1 AND 5",
            Not(And((Compare(A, ">=", integer(1)), Compare(A, "<=", integer(5))))),
        ),
        ("name LIKE 'a%'", Like(NAME, "a%")),
        ("name NOT LIKE 'it''s'", Like(NAME, "it's", negated=True)),
        ("open", Truth(ColumnRef("open"))),
        ("open = true", Compare(ColumnRef("open"), "=", Constant(value=True, type_name="BOOLEAN"))),
        ("NOT open", Not(Truth(ColumnRef("open")))),
        ("a = 1 OR (a = 2 OR a = 3)", Or(tuple(Compare(A, "=", integer(n)) for n in (1, 2, 3)))),
        (
            "lower(trim(name)) = 'x'",
            Compare(Call("lower", (Call("trim", (NAME,)),)), "=", Constant("x", "VARCHAR")),
        ),
        ("length(name) > 3", Compare(Call("length", (NAME,)), ">", Constant(3, "BIGINT"))),
        ("abs(a) = 3", Compare(Call("abs", (A,)), "=", widest(3))),
        ("abs(tiny) = 128", Compare(Call("abs", (ColumnRef("tiny"),)), "=", widest(128))),
        (
            "round(tiny, -1) > 300",
            Compare(
                Call("round", (ColumnRef("tiny"), Constant(-1, "INTEGER"))), ">", widest(300)
            ),
        ),
        (
            "round(price, 1) < 2.55",
            Compare(
                Call("round", (ColumnRef("price"), Constant(1, "INTEGER"))),
                "<=",
                Constant(Decimal("2.5"), "DECIMAL(10,1)"),
            ),
        ),
        (
            "coalesce(a, 0) = 0",
            Compare(Call("coalesce", (A, widest(0))), "=", widest(0)),
        ),
        (
            "coalesce(tiny, 300) = 300",
            Compare(Call("coalesce", (ColumnRef("tiny"), widest(300))), "=", widest(300)),
        ),
        (
            "round(whole, -1) = 1000",
            Compare(
                Call("round", (ColumnRef("whole"), Constant(-1, "INTEGER"))),
                "=",
                Constant(Decimal(1000), "DECIMAL(4,0)"),
            ),
        ),
        (
            "date_trunc('month', \"start-date\") = '2024-05-01'",
            Compare(
                Call("date_trunc", (Constant("month", "VARCHAR"), ColumnRef("start-date"))),
                "=",
                Constant(datetime(2024, 5, 1), "TIMESTAMP"),  # noqa: DTZ001 - without a zone
            ),
        ),
        (
            "seen > TIMESTAMP '2024-05-01 10:00'",
            Compare(
                ColumnRef("seen"),
                ">",
                Constant(datetime(2024, 5, 1, 10), "TIMESTAMP"),  # noqa: DTZ001 - without a zone
            ),
        ),
        ("a < tiny", Compare(A, "<", ColumnRef("tiny"))),
        ('"x, y" = \'p\'', Compare(ColumnRef("x, y"), "=", Constant("p", "VARCHAR"))),
        ('"say ""hi""" IS NULL', IsNull(ColumnRef('say "hi"'))),
        ("名前 = 'x'", Compare(ColumnRef("名前"), "=", Constant("x", "VARCHAR"))),
        ("small = 0.1", Compare(ColumnRef("small"), "=", Constant(0.10000000149011612, "FLOAT"))),
        (
            "price = 1.005",
            Compare(ColumnRef("price"), "=", Constant(Decimal("1.005"), "DECIMAL(4,3)")),
        ),
        ("((a)) = (5)", Compare(A, "=", integer(5))),
        ("a = - -5", Compare(A, "=", integer(5))),
    ],
)  # fmt: skip
def test_an_expression_becomes_a_tree(ask: Ask, text: str, predicate: Predicate) -> None:
    assert where(ask, text) == predicate


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("organisation-entity=122", 'double quotes: "organisation-entity"'),
        ("a ILIKE 'x'", "lower"),
        ("name LIKE 'x' ESCAPE '!'", "ESCAPE"),
        ("name = 5", "single quotes: '5'"),
        ("name = true", "single quotes"),
        ("a = NULL", "IS NULL"),
        ("1 = 1", "needs a column"),
        ("'x'", "compare it with a column"),
        ("true", "compared with a column"),
        ("a", "compare it with a value"),
        ("a + 1 = 2", "“+”|arithmetic"),
        ("a * 2 = 2", "arithmetic"),
        ("a - 1 = 2", "-"),
        ("a = 1; DROP TABLE x", "one expression"),
        ("a = 1 -- x", "comments"),
        ("a = 1 /* x */", "comments"),
        ("drop table x", "operator"),
        ("a IN (SELECT 1)", "subquery"),
        ("(SELECT 1) = a", "subquery"),
        ("CASE WHEN a THEN 1 END = 1", "CASE"),
        ("CAST(a AS TEXT) = '1'", "CAST"),
        ("a::text = '1'", "cast"),
        ("read_csv('/etc/passwd') = 'x'", "function “read_csv”"),
        ("sum(a) > 1", "function “sum”"),
        ("\"lower\"(name) = 'x'", "function"),
        ("name || 'x' = 'y'", "joining"),
        ("a = ?", "bind"),
        ("a = $1", r"\$"),
        ("a.b = 1", "double quotes"),
        ("a IS TRUE", "IS stands before NULL"),
        ("a IN ()", "empty"),
        ("a IN (tiny)", "values alone"),
        ("a BETWEEN SYMMETRIC 1 AND 2", "SYMMETRIC"),
        ("date_trunc('decade', seen) = '2020-01-01'", "unit"),
        ("date_trunc('mont', seen) = '2020-01-01'", "Did you mean month"),
        ("lower(a) = 'x'", "INTEGER"),
        ("abs(name) = 1", "VARCHAR"),
        ("round(price, a) = 1", "whole number"),
        ("round(price, 1.5) = 1", "whole number"),
        ("coalesce('x', name) = 'x'", "coalesce takes"),
        ("coalesce(a, name) = 1", "coalesce doesn't take"),
        ("a = name", "can't be compared"),
        ("a LIKE '5%'", "LIKE is for text"),
        ("name LIKE lower('x')", "LIKE|lower"),
        ("point = 'x'", "IS NULL"),
        ("digest > '00'", "no order"),
        ("a = 'x", "quote"),
        ("a =", "doesn't parse"),
        ("(a = 1", "doesn't parse"),
        ("a = 1)", "doesn't parse"),
        ("distinct a", "doesn't parse"),
        ("a = 1, a = 2", "doesn't parse"),
        ("  ", "no expression"),
        ("a = 'x' 'y'", "without an operator"),
        ("a = x'00'", "without an operator"),
        ("a = $$x$$", "isn't allowed"),
        ("* = 1", r"\*"),
        ("a = -name", "sign"),
        ("lower(name, name) = 'x'", "doesn't parse|lower"),
        ("round(price, 1, 2) = 1", "round"),
        ("trim(name, 'x') = 'x'", "trim"),
        ("a = 1 OR", "doesn't parse"),
        ("{a} = 1", "“{”"),
        ("a = 0x10", "operator|parse"),
        ("a ! b", "“!”"),
    ],
)
def test_what_is_not_allowed_is_refused_by_name(ask: Ask, text: str, said: str) -> None:
    with pytest.raises(BadExpressionError, match=said) as caught:
        where(ask, text)
    assert caught.value.facts["parameter"] == "_where"


def test_an_unknown_name_is_refused_with_what_was_meant(ask: Ask) -> None:
    with pytest.raises(UnknownColumnError, match='"start-date"'):
        where(ask, "start_date > '2024-01-01'")


def test_values_in_expressions_are_checked_like_filters(ask: Ask) -> None:
    for text in ("tiny = 128", "seen = '2024-05-01'", "seen IN ('2024-05-01')", "a = 'x'",
                 '"start-date" > 2024', "a = 1e"):  # fmt: skip
        with pytest.raises(BadValueError):
            where(ask, text)


def test_words_of_sql_are_names_where_no_operator_is_meant(ask: Ask) -> None:
    for word in ("case", "date", "select", "current_date", "user", "interval", "count"):
        with pytest.raises(UnknownColumnError):
            where(ask, f"{word} = 1")


def test_an_expression_is_at_most_4_kib(ask: Ask) -> None:
    where(ask, "a=1" + " " * 4093)
    with pytest.raises(BadExpressionError, match="4096"):
        where(ask, "a=1" + " " * 4094)
    with pytest.raises(BadExpressionError, match="4096"):
        where(ask, f"name='{'ü' * 2045}'")


def test_nesting_ends_at_20(ask: Ask) -> None:
    assert where(ask, "(" * 20 + "a=1" + ")" * 20) == Compare(A, "=", integer(1))
    assert where(ask, "NOT " * 20 + "a=1") is not None
    for text in (
        "(" * 21 + "a=1" + ")" * 21,
        "NOT " * 21 + "a=1",
        "NOT (" * 11 + "a=1" + ")" * 11,
        "a = " + "- " * 21 + "1",
        "(" * 4000,
        "lower(" * 600,
    ):
        with pytest.raises(BadExpressionError, match="20 levels"):
            where(ask, text)


def test_what_costs_the_parser_exponential_time_never_reaches_it(ask: Ask) -> None:
    for word in ("date", "decimal", "timestamp", "struct", "cast", "map", "array"):
        with pytest.raises(BadExpressionError, match="function"):
            where(ask, f"{word}(" * 20 + "a" + ")" * 20 + " = 1")


@pytest.mark.parametrize("word", ["AND", "OR"])
def test_a_long_chain_is_flat(ask: Ask, word: str) -> None:
    predicate = where(ask, f" {word} ".join(["a=1"] * 500))
    assert isinstance(predicate, And | Or)
    assert len(predicate.items) == 500
    assert not any(isinstance(item, And | Or) for item in predicate.items)


def test_filters_and_an_expression_are_one_flat_and(ask: Ask) -> None:
    predicate = ask("a=1&name=x&_where=a%3E1+AND+a%3C5").slice.predicate
    assert isinstance(predicate, And)
    assert len(predicate.items) == 4


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("a=5   and\n not open", "a=5 AND NOT open"),
        ('"a" = 5', "a=5"),
        ("((a = 5))", "a=5"),
        ("a = 5 AND (a = 1 OR a = 2)", "a=5 AND (a=1 OR a=2)"),
        ("name = 'it''s  here'", "name='it''s  here'"),
        ("\"start-date\" = DATE '2024-05-01'", "\"start-date\"='2024-05-01'"),
        ("small = 0.1", "small=0.10000000149011612"),
        ("ratio = 'nan'", "ratio='nan'"),
        ("digest = 'dead'", "digest='DEAD'"),
        ("coalesce( name ,'x') LIKE 'a%'", "coalesce(name,'x') LIKE 'a%'"),
    ],
)
def test_two_spellings_share_one_canonical_text(ask: Ask, text: str, canonical: str) -> None:
    first, second = ask([("_where", text)]), ask([("_where", canonical)])
    assert first.canonical == second.canonical == ask(first.canonical).canonical
    assert first.slice == second.slice


def test_the_canonical_text_is_usable_where_the_rendered_one_would_be_too_long(ask: Ask) -> None:
    parts = ["a NOT BETWEEN 1 AND 2"] * 160
    found = ask([("_where", " OR ".join(parts))])
    assert ask(found.canonical).slice == found.slice
    deep = ask([("_where", "(" * 19 + "a NOT BETWEEN 1 AND 2 OR open" + ")" * 19)])
    assert ask(deep.canonical).slice == deep.slice


def test_the_parser_is_imported_only_for_an_expression() -> None:
    code = "import sys, penstock.query; sys.exit('sqlglot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
