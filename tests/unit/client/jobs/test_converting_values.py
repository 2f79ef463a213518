from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from penstock.client.jobs.values import converted, pairs_of_texts, parameters_of
from penstock.errors import SetupError


class Point(BaseModel):
    x: int


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Everything(BaseModel):
    """Each shape of a parameter, as the types of exports declare theirs."""

    count: int
    share: float = 0.5
    is_paid: bool = False
    since: date | None = None
    price: Decimal | None = None
    ids: list[int] = []
    words: list[str] | None = None
    quality: Literal["some", "none"] = "some"
    size: Size = Size.SMALL
    either: int | str = 3
    name: str = ""
    point: Point | None = None
    anything: Any = None


SCHEMA = Everything.model_json_schema()


@pytest.mark.parametrize(
    ("name", "texts", "value"),
    [
        ("count", ["12"], 12),
        ("count", [" -7 "], -7),
        ("share", ["0.25"], 0.25),
        ("share", ["3"], 3),
        ("share", ["1e3"], 1000.0),
        ("is_paid", ["true"], True),
        ("is_paid", ["No"], False),
        ("is_paid", ["1"], True),
        ("since", ["2024-05-01"], "2024-05-01"),
        ("price", ["12.340000000000000001"], "12.340000000000000001"),
        ("ids", ["1"], [1]),
        ("ids", ["1", "2"], [1, 2]),
        ("words", ["a,b"], ["a,b"]),
        ("words", ["1", "true"], ["1", "true"]),
        ("quality", ["some"], "some"),
        ("size", ["large"], "large"),
        ("either", ["12"], 12),
        ("either", ["twelve"], "twelve"),
        ("name", ["12"], "12"),
        ("name", [""], ""),
        ("name", ["a=b&c"], "a=b&c"),
        ("point", ['{"x": 1}'], {"x": 1}),
        ("anything", ["plain"], "plain"),
        ("anything", ["[1]"], [1]),
        ("unheard-of", ["1"], "1"),
        ("unheard-of", ["1", "2"], ["1", "2"]),
    ],
)
def test_a_text_becomes_what_the_schema_wants(name: str, texts: list[str], value: object) -> None:
    found = converted([(name, text) for text in texts], SCHEMA)
    assert found == {name: value}
    assert type(found[name]) is type(value)


@pytest.mark.parametrize(
    ("name", "texts", "told"),
    [
        ("count", ["twelve"], "--param count: “twelve” is no whole number."),
        ("count", [""], "is no whole number"),
        ("count", ["1_000"], "is no whole number"),
        ("count", ["1", "2"], "--param count takes one value."),
        ("share", ["nan"], "is no number"),
        ("is_paid", ["perhaps"], "is no true or false"),
        ("ids", ["1", "x"], "--param ids: “x” is no whole number."),
        ("point", ["x"], "is no JSON object"),
        ("count", ["\x1b[2J"], "“ [2J”"),
    ],
)
def test_a_text_that_fits_nothing_is_an_error_with_its_name(
    name: str, texts: list[str], told: str
) -> None:
    with pytest.raises(SetupError) as caught:
        converted([(name, text) for text in texts], SCHEMA)
    assert told in caught.value.detail


def test_texts_are_split_at_the_first_sign() -> None:
    given_texts = ["a=1", " b =", "query=x=1&y=2"]
    assert pairs_of_texts(given_texts) == [("a", "1"), ("b", ""), ("query", "x=1&y=2")]
    for wrong in ("a", "=1", ""):
        with pytest.raises(SetupError, match="NAME=VALUE"):
            pairs_of_texts([wrong])


def test_parameters_are_described_for_people() -> None:
    found = {each.name: each for each in parameters_of(SCHEMA)}
    assert next(iter(found)) == "count"
    assert found["count"].is_required
    assert not found["share"].is_required
    kinds = {name: each.kind for name, each in found.items()}
    assert kinds == {
        "count": "whole number",
        "share": "number",
        "is_paid": "true or false",
        "since": "date",
        "price": "number",
        "ids": "whole number, repeatable",
        "words": "text, repeatable",
        "quality": "one of some, none",
        "size": "one of small, large",
        "either": "whole number or text",
        "name": "text",
        "point": "JSON object",
        "anything": "text",
    }
    assert found["share"].about == "default 0.5"


def test_a_schema_that_refers_to_itself_ends() -> None:
    schema = {
        "properties": {"a": {"$ref": "#/$defs/A"}},
        "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "integer"}]}},
    }
    assert converted([("a", "1")], schema) == {"a": 1}


@given(st.integers(-(10**30), 10**30), st.lists(st.text(), min_size=1), st.text())
def test_what_was_written_as_text_comes_back(number: int, words: list[str], name: str) -> None:
    pairs = [("count", str(number)), ("name", name), *(("words", word) for word in words)]
    assert converted(pairs, SCHEMA) == {"count": number, "name": name, "words": words}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "anyOf", "$ref", "$defs", "items", "properties", "enum", "required", "a"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from(["properties", "$defs", "required"]), json_values), st.text()
)
def test_any_schema_gives_a_value_or_an_error(schema: dict[str, Any], text: str) -> None:
    parameters_of(schema)
    try:
        converted([("a", text), ("b", text)], schema)
    except SetupError:
        return
