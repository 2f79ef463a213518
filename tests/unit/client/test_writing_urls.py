"""URLs that the Python client writes, and the origins it compares."""

from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.client.python import Client, Filter
from penstock.client.transfer.connection import origin_of, shown, usable_url
from penstock.errors import BadValueError, SetupError

CLIENT = Client("https://Data.example.org/")


def query(**filters: Filter) -> list[tuple[str, str]]:
    url = CLIENT.url("trees", "csv", filters=filters)
    return parse_qsl(urlsplit(url).query, keep_blank_values=True)


@given(
    st.text(st.characters(exclude_categories=["Cs"])), st.lists(st.text("a,& =+\"'%"), min_size=1)
)
def test_every_value_arrives_as_it_was_given(value: str, several: list[str]) -> None:
    assert query(name=value) == [("name", value)]
    assert query(name=several) == [("name", item) for item in several]
    assert query(name__in=several) == [("name__exact", item) for item in several]


def test_controls_and_filters_are_written_as_the_grammar_has_them() -> None:
    url = CLIENT.url(
        "trees",
        "ndjson",
        columns=["name", "height"],
        where="height > 3",
        sort=["-height"],
        limit=5,
        filters={"organisation-entity": 122},
        planted__gte=date(2024, 5, 1),
        _distinct=1,
    )
    assert url == (
        "https://data.example.org/trees.ndjson?_select=name%2Cheight&_where=height%20%3E%203"
        "&_sort=-height&_limit=5&organisation-entity=122&planted__gte=2024-05-01&_distinct=1"
    )
    assert CLIENT.url("trees") == "https://data.example.org/trees.csv"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (Decimal("1.50"), "1.50"),
        (datetime(2024, 5, 1, 3, tzinfo=UTC), "2024-05-01T03:00:00+00:00"),
    ],
)
def test_values_are_written_for_the_server(value: Filter, text: str) -> None:
    assert query(x=value) == [("x", text)]


def test_none_is_null_and_no_value_at_all_is_an_error() -> None:
    assert query(name=None) == [("name__isnull", "1")]
    assert query(name__notin=["a,b", "c"]) == [("name__notin", '["a,b", "c"]')]
    with pytest.raises(BadValueError, match="at least one value"):
        query(name=[])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://h/a", "http://H:80/b?c", True),
        ("https://h/", "https://h:443", True),
        ("http://h/", "https://h/", False),
        ("http://h/", "http://h:8000/", False),
        ("http://h/", "http://h.other/", False),
        ("http://[::1]:8/", "http://[::1]:8/x", True),
    ],
)
def test_an_origin_is_scheme_host_and_port(one: str, other: str, same: bool) -> None:  # noqa: FBT001 - pytest passes by name
    assert (origin_of(usable_url(one)) == origin_of(usable_url(other))) == same


@given(st.one_of(st.text(), st.text().map("http://h{}".format), st.text().map("http://{}".format)))
def test_any_text_is_a_usable_url_or_refused(text: str) -> None:
    with suppress(SetupError):
        url = usable_url(text)
        assert url.host
        assert "?" not in shown(url)
