import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import RangeNotSatisfiableError
from penstock.web.http.ranges import ByteRange, parse_ranges, within

BODY = bytes(range(100))
BOUND = st.none() | st.integers(0, 150)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-99", ((0, 99),)),
        ("bytes=5-", ((5, None),)),
        ("bytes=-5", ((None, 5),)),
        ("BYTES = 1-2 , 4-", ((1, 2), (4, None))),
        ("bytes=7-7", ((7, 7),)),
    ],
)
def test_ranges_are_read_as_they_stand(
    header: str, expected: tuple[tuple[int | None, int | None], ...]
) -> None:
    assert parse_ranges(header) == expected


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=2-1",
        "bytes=a-b",
        "bytes=1-2,",
        "bytes=1-2-3",
        "bytes=--5",
        "bytes=+1-2",
        "rows=1-2",
        "bytes=" + "9" * 30 + "-",
        "bytes=" + ",".join(["0-0"] * 33),
    ],
)
def test_what_is_no_usable_range_is_ignored(header: str | None) -> None:
    assert parse_ranges(header) is None


@given(
    st.text(st.characters(max_codepoint=255))
    | st.text("bytes=0123456789-, ").map("bytes={}".format)
)
def test_any_header_is_read_or_ignored(header: str) -> None:
    asked = parse_ranges(header)
    if asked is not None:
        try:
            fitting = within(asked, length=len(BODY))
        except RangeNotSatisfiableError:
            pass
        else:
            assert all(0 <= each.start < each.stop <= len(BODY) for each in fitting)


@given(BOUND, BOUND)
def test_a_range_is_the_same_bytes_that_a_slice_is(first: int | None, last: int | None) -> None:
    if first is None and last is None:
        return
    if first is None:
        expected = BODY[-last:] if last else b""
    else:
        expected = BODY[first : None if last is None else last + 1]
    try:
        only = within(((first, last),), length=len(BODY))[0]
    except RangeNotSatisfiableError:
        assert expected == b""
    else:
        assert BODY[only.start : only.stop] == expected


def test_ranges_that_lie_outside_are_left_out_while_one_lies_inside() -> None:
    assert within(((500, None), (0, 0), (None, 0)), length=10) == (ByteRange(0, 1),)


def test_no_range_lies_within_nothing() -> None:
    for asked in ((0, None), (None, 5), (0, 0)):
        with pytest.raises(RangeNotSatisfiableError) as raised:
            within((asked,), length=0)
        assert raised.value.facts["length"] == 0


def test_a_content_range_counts_as_http_does() -> None:
    assert ByteRange(0, 1).content_range(10) == "bytes 0-0/10"
