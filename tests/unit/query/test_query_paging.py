"""Pages and cursors."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.query.query_parts import Ask

from penstock.errors import (
    BadCursorError,
    BadValueError,
    ConflictingParametersError,
    CursorGoneError,
)
from penstock.model.signature import SigningKey
from penstock.model.slice import AfterKeys, AfterRows, Page
from penstock.query import CursorCodec, QueryLimits

OLD = SigningKey(id="k1", secret=b"one")
NEW = SigningKey(id="k2", secret=b"two")


def codec(
    *keys: SigningKey,
    tenant: str = "river",
    dataset: str = "conservation-area",
    version: str = "v1",
) -> CursorCodec:
    return CursorCodec(keys or (OLD,), tenant=tenant, dataset=dataset, version=version)


def test_limits_and_offsets_are_whole_numbers(ask: Ask) -> None:
    assert ask("_limit=10&_offset=20").slice.page == Page(limit=10, offset=20)
    assert ask("_limit=0").slice.page == Page(limit=0)
    assert ask(f"_limit={2**63 - 1}").slice.page.limit == 2**63 - 1


@pytest.mark.parametrize("value", ["-1", "1.5", "x", str(2**63), "9" * 5000, "٣", "1e3", " 1"])
@pytest.mark.parametrize("name", ["_limit", "_offset"])
def test_other_numbers_of_rows_are_refused(ask: Ask, name: str, value: str) -> None:
    with pytest.raises(BadValueError):
        ask([(name, value)])


def test_a_default_limit_is_part_of_the_canonical_query(ask: Ask) -> None:
    limits = QueryLimits(default_limit=100)
    assert ask("", limits=limits).slice.page.limit == 100
    assert ask("", limits=limits).canonical == ask("_limit=100").canonical
    assert ask("_limit=5", limits=limits).slice.page.limit == 5


def test_pages_do_not_count_in_what_a_cursor_is_bound_to(ask: Ask) -> None:
    query = ask("a=1&_sort=a&_limit=5&_offset=5")
    assert query.canonical_without_page == "a=1&_sort=a"
    assert query.canonical == "a=1&_sort=a&_limit=5&_offset=5"


def test_a_cursor_leads_back_to_its_position(ask: Ask) -> None:
    bound_to = ask("a__gt=1&_sort=a").canonical_without_page
    position = AfterKeys(("5", None), 17)
    token = codec().encode(position, canonical_without_page=bound_to)
    page = ask([("_sort", "a"), ("a__gt", "1"), ("_cursor", token), ("_limit", "5")]).slice.page
    assert page == Page(limit=5, after=position)


def test_a_cursor_of_another_query_is_refused(ask: Ask) -> None:
    token = codec().encode(AfterRows(5), canonical_without_page="a=1")
    with pytest.raises(BadCursorError, match="another query"):
        ask([("a", "2"), ("_cursor", token)])


def test_a_cursor_of_another_version_is_gone() -> None:
    token = codec(version="v0").encode(AfterRows(5), canonical_without_page="a=1")
    with pytest.raises(CursorGoneError):
        codec(version="v1").decode(token, canonical_without_page="a=1")


def test_a_cursor_of_another_dataset_or_tenant_is_refused() -> None:
    token = codec().encode(AfterRows(5), canonical_without_page="")
    for other in (codec(tenant="harbour"), codec(dataset="quality"), codec(NEW)):
        with pytest.raises(BadCursorError):
            other.decode(token, canonical_without_page="")


def test_a_cursor_outlives_one_rotation_of_keys() -> None:
    token = codec(OLD).encode(AfterRows(5), canonical_without_page="")
    assert codec(NEW, OLD).decode(token, canonical_without_page="") == AfterRows(5)


def test_a_cursor_and_an_offset_contradict_each_other(ask: Ask) -> None:
    token = codec().encode(AfterRows(5), canonical_without_page="")
    with pytest.raises(ConflictingParametersError):
        ask([("_cursor", token), ("_offset", "0")])


@settings(deadline=None)
@given(
    st.one_of(
        st.builds(AfterRows, st.integers(0, 2**63)),
        st.builds(
            AfterKeys,
            st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"])), max_size=4).map(
                tuple
            ),
            st.integers(0, 2**63),
        ),
    ),
    st.text(),
)
def test_every_position_survives_its_token(position: AfterKeys | AfterRows, bound_to: str) -> None:
    bound_to = bound_to.encode(errors="replace").decode()
    token = codec().encode(position, canonical_without_page=bound_to)
    assert codec().decode(token, canonical_without_page=bound_to) == position


@settings(deadline=None)
@given(st.integers(0), st.characters(codec="ascii"))
def test_a_changed_token_is_refused(place: int, letter: str) -> None:
    token = codec().encode(AfterKeys(("a", "b"), 5), canonical_without_page="")
    place %= len(token)
    changed = token[:place] + letter + token[place + 1 :]
    if changed != token:
        with pytest.raises(BadCursorError):
            codec().decode(changed, canonical_without_page="")


@settings(deadline=None)
@given(st.text())
def test_any_other_text_is_no_cursor(text: str) -> None:
    with pytest.raises(BadCursorError):
        codec().decode(text, canonical_without_page="")
