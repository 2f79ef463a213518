from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.web.http.conditional import entity_tag, http_date, is_not_modified, range_still_fits

CHANGED = datetime(2024, 5, 1, 12, 0, 0, 999_999, tzinfo=UTC)
TAG = entity_tag("a", "b")
WEAK = entity_tag("a", "b", weak=True)
PARTS = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1, max_size=4
)


@given(PARTS, PARTS)
def test_two_tags_are_one_only_where_all_parts_are(parts: list[str], others: list[str]) -> None:
    assert (entity_tag(*parts) == entity_tag(*others)) == (parts == others)


def test_a_date_is_written_as_http_writes_it_from_any_zone() -> None:
    there = CHANGED.astimezone(timezone(timedelta(hours=9)))
    assert http_date(there) == "Wed, 01 May 2024 12:00:00 GMT"


@pytest.mark.parametrize(
    ("if_none_match", "held"),
    [
        (TAG, True),
        (f"W/{TAG}", True),
        (f'"other", {TAG}', True),
        ("*", True),
        ('"other"', False),
        ("", False),
        (TAG.strip('"'), False),
    ],
)
@pytest.mark.parametrize("etag", [TAG, WEAK])
def test_a_tag_that_is_held_is_not_sent_again(if_none_match: str, held: bool, etag: str) -> None:  # noqa: FBT001 - a column of the table
    assert held == is_not_modified(
        if_none_match=if_none_match, if_modified_since=None, etag=etag, modified=CHANGED
    )


@pytest.mark.parametrize(
    ("since", "held"),
    [
        ("Wed, 01 May 2024 12:00:00 GMT", True),
        ("Wed, 01 May 2024 12:00:01 GMT", True),
        ("Wed, 01 May 2024 11:59:59 GMT", False),
        ("Wed, 01 May 2024 12:00:00", True),
        ("yesterday", False),
        ("", False),
        (None, False),
    ],
)
def test_a_date_counts_in_whole_seconds(since: str | None, held: bool) -> None:  # noqa: FBT001 - a column of the table
    assert held == is_not_modified(
        if_none_match=None, if_modified_since=since, etag=TAG, modified=CHANGED
    )


def test_the_tag_counts_before_the_date() -> None:
    assert not is_not_modified(
        if_none_match='"other"', if_modified_since=http_date(CHANGED), etag=TAG, modified=CHANGED
    )


@pytest.mark.parametrize(
    ("if_range", "etag", "fits"),
    [
        (None, TAG, True),
        (None, WEAK, True),
        (TAG, TAG, True),
        ('"other"', TAG, False),
        (f"W/{TAG}", TAG, False),
        (WEAK, WEAK, False),
        (TAG, WEAK, False),
        (http_date(CHANGED), TAG, True),
        (http_date(CHANGED), WEAK, False),
        (http_date(CHANGED + timedelta(seconds=1)), TAG, False),
        ("nonsense", TAG, False),
        ("", TAG, False),
    ],
)
def test_a_range_fits_what_the_client_holds_or_is_none(
    if_range: str | None,
    etag: str,
    fits: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert fits == range_still_fits(if_range, etag=etag, modified=CHANGED)


LOOKS_LIKE_DATES = st.from_regex(
    r"[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,5} \d\d:\d\d:\d\d [+-]?\w{1,5}"
)


@given(st.text(st.characters(max_codepoint=255)) | LOOKS_LIKE_DATES)
def test_no_header_is_too_odd_to_be_answered(header: str) -> None:
    is_not_modified(if_none_match=header, if_modified_since=header, etag=TAG, modified=CHANGED)
    is_not_modified(if_none_match=None, if_modified_since=header, etag=TAG, modified=CHANGED)
    range_still_fits(header, etag=TAG, modified=CHANGED)
