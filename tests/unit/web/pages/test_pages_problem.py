import json
from http import HTTPStatus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.web.page_reading import Page, read_page

from penstock import errors
from penstock.web import pages
from penstock.web.answers import Answer
from penstock.web.problems import problem_answer

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
NAUGHTY = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "' onmouseover='alert(1)",
    "</style><script>alert(1)</script>",
    "&lt;b&gt; \u202e \u0000 \ud7ff \U0001f469\u200d\U0001f52c",
]
ELEMENTS = frozenset(
    {"html", "head", "meta", "title", "link", "style", "body", "header", "a", "svg", "path"}
    | {"div", "p", "h1", "main", "section", "h2", "ul", "li", "strong", "code", "dl", "dt"}
    | {"dd", "nav", "footer", "span"}
)


def shown(answer: Answer) -> Page:
    page = pages.problem(answer, accept=BROWSER)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert isinstance(page.body, bytes)
    return read_page(page.body)


def unknown_dataset(name: str, *meant: str, path: str | None = None) -> Answer:
    error = errors.UnknownDatasetError(name, did_you_mean=meant)
    return problem_answer(error, path=path or f"/{name}.csv")


def test_a_browser_gets_the_facts_of_a_problem_as_a_page() -> None:
    error = errors.BadValueError(
        "organisation-entity",
        "abc",
        expected="a whole number",
        example="122",
        column="organisation-entity",
        column_type="BIGINT",
    )
    answer = problem_answer(error, path="/a.csv", columns_url="/a/-/schema.json")
    page = shown(answer)
    for fact in ("400", "abc", "organisation-entity", "BIGINT", "a whole number", "122"):
        assert fact in page.text
    assert "/a/-/schema.json" in page.links


def test_the_page_keeps_status_and_headers() -> None:
    answer = problem_answer(errors.ScanQueueFullError(retry_after_seconds=5), path="/a.csv")
    page = pages.problem(answer, accept=BROWSER)
    assert page.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert page.headers["retry-after"] == "5"
    assert page.headers["vary"] == "Accept"
    assert page.headers["cache-control"] == "no-store"
    assert "script" not in page.headers["content-security-policy"]


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/html;q=0"])
def test_other_clients_get_the_problem_as_it_is(accept: str | None) -> None:
    answer = unknown_dataset("a")
    assert pages.problem(answer, accept=accept) is answer


def test_an_answer_that_is_no_problem_is_left_alone() -> None:
    answer = Answer(status=200, headers={"content-type": "application/json"}, body=b"{}")
    assert pages.problem(answer, accept=BROWSER) is answer


def test_a_dataset_that_may_have_been_meant_is_a_link_to_the_same_format() -> None:
    page = shown(unknown_dataset("conservation_area", "conservation-area"))
    assert "/conservation-area.csv" in page.links
    assert page.text.count("Did you mean") == 1


def test_a_dataset_that_may_have_been_meant_is_a_link_to_the_same_metadata() -> None:
    page = shown(unknown_dataset("aria", "area", path="/aria/-/schema.json"))
    assert "/area/-/schema.json" in page.links


def test_a_column_that_may_have_been_meant_is_named_but_no_link() -> None:
    error = errors.UnknownParameterError("start_date", did_you_mean=["start-date"])
    page = shown(problem_answer(error, path="/a.csv", columns_url="/a/-/schema.json"))
    assert "start-date" in page.text
    assert page.links == ["/", "/a/-/schema.json", "/"]


@pytest.mark.parametrize("text", NAUGHTY)
def test_what_a_client_sent_is_shown_and_never_markup(text: str) -> None:
    plain = shown(problem_answer(errors.UnknownParameterError("x", did_you_mean=["y"]), path="/p"))
    error = errors.UnknownParameterError(text, did_you_mean=[text])
    page = shown(problem_answer(error, path=f"/{text}", columns_url=f"//{text}"))
    assert page.elements == plain.elements
    assert page.attributes == plain.attributes
    assert page.links == plain.links
    assert text.replace("\0", "") in page.text.replace("\0", "").replace("�", "")


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_any_text_leaves_the_page_as_it_is_built(name: str, path: str) -> None:
    page = shown(unknown_dataset(name, name, path=path))
    assert set(page.elements) <= ELEMENTS
    assert all(link.startswith("/") and not link.startswith("//") for link in page.links)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8")),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
            st.lists,
            max_leaves=5,
        ),
    )
)
def test_facts_of_any_kind_are_shown(facts: dict[str, object]) -> None:
    named = {"type": "urn:x", "title": "T", "status": 400, "detail": "D"}
    body = json.dumps(facts | named).encode()
    headers = {"content-type": "application/problem+json"}
    page = shown(Answer(status=400, headers=headers, body=body))
    assert set(page.elements) <= ELEMENTS
