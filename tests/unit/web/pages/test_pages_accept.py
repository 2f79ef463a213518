import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.web.pages import wants_html


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "TEXT/HTML ; q=0.5, */*;q=0.1",
        "application/json;q=0.5, text/html",
        "application/json, text/html",
        "text/html;level=1;q=1.0",
    ],
)
def test_a_browser_wants_a_page(accept: str) -> None:
    assert wants_html(accept)


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "",
        "*/*",
        "text/*",
        "application/json",
        "application/json, text/html;q=0.9",
        "text/html;q=0",
        "text/html;q=0.2, */*",
        "text/html;q=0.2, application/*;q=0.3",
        "text/html;q=nonsense",
        "text/html;q=nan",
        "text/html;q=7",
        "text/htmlx",
    ],
)
def test_others_want_json(accept: str | None) -> None:
    assert not wants_html(accept)


@settings(deadline=None)
@given(st.text())
def test_any_accept_header_is_understood(accept: str) -> None:
    assert wants_html(accept) in {True, False}
