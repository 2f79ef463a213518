"""The headers that steer a download, from servers that mean well and from others."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.client.transfer.answers import (
    ContentRange,
    coding_of,
    content_range,
    count_of,
    download_id,
    strong_etag,
    unsatisfied_total,
)
from penstock.client.transfer.retry import RetryPolicy, retry_after_seconds
from penstock.errors import TransferError

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


@given(st.integers(0, 10**17), st.integers(1, 10**9), st.integers(0, 10**9))
def test_a_content_range_is_read_as_it_was_written(start: int, length: int, more: int) -> None:
    stop = start + length
    value = f"bytes {start}-{stop - 1}/{stop + more}"
    assert content_range(value) == ContentRange(start, stop, stop + more)
    assert content_range(f"bytes {start}-{stop - 1}/*") == ContentRange(start, stop, None)
    assert unsatisfied_total(f"bytes */{stop}") == stop


@given(st.one_of(st.none(), st.text(), st.from_regex(r"bytes [0-9*-]{1,9}/[0-9*]{1,5}")))
def test_a_range_that_is_read_makes_sense(value: str | None) -> None:
    found = content_range(value)
    if found is not None:
        assert 0 <= found.start < found.stop
        assert found.total is None or found.stop <= found.total


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "bytes 5-4/10",
        "bytes 0-10/10",
        "bytes */10",
        "items 0-1/2",
        "bytes 0-1/2, bytes 2-3/4",
    ],
)
def test_a_contradictory_range_is_none(value: str | None) -> None:
    assert content_range(value) is None


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ('"abc"', '"abc"'),
        ('""', '""'),
        ('W/"abc"', None),
        ("abc", None),
        ('"a" "b"', None),
        ('"a", "b"', None),
        ('"a\r\nX: y"', None),
        ('"ü"', None),
        (None, None),
    ],
)
def test_only_one_strong_etag_is_kept(value: str | None, kept: str | None) -> None:
    assert strong_etag(value) == kept


def test_a_coding_that_was_never_asked_for_is_an_error() -> None:
    assert [coding_of(value) for value in (None, "", "identity", "X-GZIP", " zstd")] == [
        "identity",
        "identity",
        "identity",
        "gzip",
        "zstd",
    ]
    for value in ("br", "gzip, zstd", "deflate"):
        with pytest.raises(TransferError, match="not asked for"):
            coding_of(value)


@given(st.text())
def test_a_count_is_a_whole_number_or_none(value: str) -> None:
    found = count_of(value)
    assert found is None or found >= 0
    assert count_of("250000") == 250_000
    assert count_of("-1") is None


@given(st.text())
def test_an_id_can_only_be_one_segment_of_a_path(value: str) -> None:
    found = download_id(value)
    assert found is None or found.replace("-", "a").replace("_", "a").isalnum()
    assert download_id("../../x") is None


@given(st.integers(0, 10**6))
def test_retry_after_means_the_same_as_seconds_and_as_a_date(seconds: int) -> None:
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert retry_after_seconds(str(seconds), now=NOW) == seconds
    assert retry_after_seconds(date, now=NOW) == seconds


@given(st.one_of(st.none(), st.text()))
def test_retry_after_is_never_negative(value: str | None) -> None:
    found = retry_after_seconds(value, now=NOW)
    assert found is None or found >= 0
    assert retry_after_seconds("Wed, 01 May 2024 11:00:00 GMT", now=NOW) == 0


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_a_delay_stays_between_half_its_ceiling_and_its_ceiling(
    failures: int, drawn: float
) -> None:
    retry = RetryPolicy(draw=lambda: drawn, first_seconds=1, most_seconds=30)
    ceiling = min(30, 2 ** min(failures - 1, 10))
    assert ceiling / 2 <= retry.delay(failures) <= ceiling
