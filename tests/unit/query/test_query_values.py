"""Values are coerced by the type of their column, exactly, or refused with an example."""

import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.query.query_parts import Ask

from penstock.errors import BadValueError
from penstock.model.slice import ColumnRef, Compare, Constant, Value


def constant(ask: Ask, column: str, value: str) -> Constant:
    predicate = ask([(f"{column}__exact", value)]).slice.predicate
    assert isinstance(predicate, Compare)
    assert predicate.operator == "="
    assert isinstance(predicate.right, Constant)
    return predicate.right


ZONED = "TIMESTAMP WITH TIME ZONE"
SOME_ID = "0b0ec9c6-9d58-4b53-9b55-6c4c0a9e8d1f"


@pytest.mark.parametrize(
    ("column", "text", "value", "type_name"),
    [
        ("name", "=1 OR 1=1; --", "=1 OR 1=1; --", "VARCHAR"),
        ("name", " padded ", " padded ", "VARCHAR"),
        ("organisation-entity", "122", 122, "BIGINT"),
        ("organisation-entity", "-122", -122, "BIGINT"),
        ("organisation-entity", " 5", 5, "BIGINT"),
        ("organisation-entity", "122.0", 122, "BIGINT"),
        ("tiny", "-128", -128, "TINYINT"),
        ("unsigned", str(2**64 - 1), 2**64 - 1, "UBIGINT"),
        ("huge", str(-(2**127)), -(2**127), "HUGEINT"),
        ("price", "1.5", Decimal("1.5"), "DECIMAL(10,2)"),
        ("price", "1e5", Decimal(100000), "DECIMAL(10,2)"),
        ("price", "1.500000", Decimal("1.5"), "DECIMAL(10,2)"),
        ("price", "-0.00", Decimal(0), "DECIMAL(10,2)"),
        ("ratio", "0.1", 0.1, "DOUBLE"),
        ("ratio", "-inf", -math.inf, "DOUBLE"),
        ("open", "TRUE", True, "BOOLEAN"),
        ("open", "0", False, "BOOLEAN"),
        ("open", "no", False, "BOOLEAN"),
        ("start-date", "2024-02-29", date(2024, 2, 29), "DATE"),
        ("clock", "10:30", time(10, 30), "TIME"),
        ("zoned-clock", "10:30:15", time(10, 30, 15, tzinfo=UTC), "TIME WITH TIME ZONE"),
        ("seen", "2024-05-01T10:30", datetime(2024, 5, 1, 10, 30), "TIMESTAMP"),  # noqa: DTZ001 - a column without a zone
        ("seen", "2024-05-01 10:30:00.5Z", datetime(2024, 5, 1, 10, 30, 0, 500000), "TIMESTAMP"),  # noqa: DTZ001 - a column without a zone
        ("seen_ns", "2024-05-01T10:30:00.1234567", "2024-05-01T10:30:00.123456700", "TIMESTAMP_NS"),
        ("sent", "2024-05-01T10:30:00+01:00", datetime(2024, 5, 1, 9, 30, tzinfo=UTC), ZONED),
        ("sent", "2024-05-01T10:30:00 01:00", datetime(2024, 5, 1, 9, 30, tzinfo=UTC), ZONED),
        ("sent", "2024-05-01T10:30:00-0130", datetime(2024, 5, 1, 12, 0, tzinfo=UTC), ZONED),
        ("id", SOME_ID.upper().replace("-", ""), UUID(SOME_ID), "UUID"),
        ("digest", "deadBEEF", r"\xDE\xAD\xBE\xEF", "BLOB"),
    ],
)  # fmt: skip
def test_a_value_takes_the_type_of_its_column(
    ask: Ask, column: str, text: str, value: Value, type_name: str
) -> None:
    found = constant(ask, column, text)
    assert found == Constant(value, type_name)
    assert type(found.value) is type(value)


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("organisation-entity", "abc"),
        ("organisation-entity", "1.5"),
        ("organisation-entity", str(2**63)),
        ("organisation-entity", "٣"),
        ("organisation-entity", "1_000"),
        ("organisation-entity", "nan"),
        ("organisation-entity", "1e999"),
        ("organisation-entity", "9" * 5000),
        ("tiny", "128"),
        ("unsigned", "-1"),
        ("huge", str(2**127)),
        ("price", "100000000"),
        ("price", "NaN"),
        ("price", "1,5"),
        ("wide", "1.00000000001"),
        ("ratio", "1e400"),
        ("ratio", "0x10"),
        ("small", "1e39"),
        ("open", "maybe"),
        ("start-date", "2023-02-29"),
        ("start-date", "20240501"),
        ("start-date", "2024-05-01T00:00:00"),
        ("start-date", "1/5/2024"),
        ("clock", "25:00"),
        ("clock", "10:30Z"),
        ("seen", "2024-05-01T24:00:00"),
        ("seen", "2024-05-01T10:30:00.0000001"),
        ("seen", "0001-01-01T00:00:00+05:00"),
        ("seen", "2024-05-01T10:30:00+01:99"),
        ("seen", "2024-05-01T10:30:00+99:00"),
        ("seen", "now"),
        ("seen_ns", "1600-01-01T00:00:00"),
        ("id", "0b0ec9c6"),
        ("digest", "abc"),
        ("digest", "zz"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name_type_and_example(
    ask: Ask, column: str, text: str
) -> None:
    with pytest.raises(BadValueError) as caught:
        ask([(column, text)])
    facts = caught.value.facts
    assert facts["column"] == facts["parameter"] == column
    assert facts["column_type"]
    assert facts["example"]


def test_a_value_of_a_32_bit_column_is_what_the_column_would_store(ask: Ask) -> None:
    assert constant(ask, "small", "0.1") == Constant(0.10000000149011612, "FLOAT")


def test_not_a_number_is_a_value_that_equals_itself(ask: Ask) -> None:
    assert constant(ask, "ratio", "NaN") == Constant("nan", "DOUBLE")
    assert ask("ratio=nan").slice == ask("ratio=NAN").slice


def test_a_bare_date_equals_no_timestamp_and_the_day_is_suggested(ask: Ask) -> None:
    for query in ("seen=2024-05-01", "sent__exact=2024-05-01", "seen__in=2024-05-01",
                  "seen__not=2024-05-01"):  # fmt: skip
        with pytest.raises(BadValueError, match="__date=2024-05-01"):
            ask(query)


def test_a_bare_date_bound_on_a_timestamp_is_midnight_utc(ask: Ask) -> None:
    midnight = datetime(2024, 5, 1, tzinfo=UTC)
    assert ask("sent__gte=2024-05-01").slice.predicate == Compare(
        ColumnRef("sent"), ">=", Constant(midnight, "TIMESTAMP WITH TIME ZONE")
    )
    assert ask("seen__lt=2024-05-01").slice.predicate == Compare(
        ColumnRef("seen"), "<", Constant(midnight.replace(tzinfo=None), "TIMESTAMP")
    )


def test_a_price_with_more_places_than_its_column_equals_nothing_and_is_not_rounded(
    ask: Ask,
) -> None:
    assert constant(ask, "price", "1.005") == Constant(Decimal("1.005"), "DECIMAL(4,3)")


@pytest.mark.parametrize(
    ("query", "operator", "bound"),
    [
        ("price__gt=1.005", ">", "1.00"),
        ("price__gte=1.005", ">", "1.00"),
        ("price__lt=1.005", "<=", "1.00"),
        ("price__lte=1.005", "<=", "1.00"),
        ("price__gt=-1.005", ">=", "-1.00"),
        ("price__gte=-1.005", ">=", "-1.00"),
        ("price__lt=-1.005", "<", "-1.00"),
        ("price__lte=-1.005", "<", "-1.00"),
        ("price__lte=-99999999.999", "<", "-99999999.99"),
    ],
)
def test_a_bound_between_two_prices_keeps_the_same_rows(
    ask: Ask, query: str, operator: str, bound: str
) -> None:
    predicate = ask(query).slice.predicate
    assert isinstance(predicate, Compare)
    assert predicate.operator == operator
    assert predicate.right == Constant(Decimal(bound), "DECIMAL(10,2)")


_SIGNS = {
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
}


@settings(deadline=None)
@given(
    st.decimals(min_value=-99, max_value=99, places=5),
    st.sampled_from(["gt", "gte", "lt", "lte"]),
    st.integers(-99, 99),
)
def test_a_cut_bound_keeps_what_the_written_one_keeps(
    ask: Ask, bound: Decimal, name: str, stored: int
) -> None:
    written = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}[name]
    for column, value in (("price", Decimal(stored)), ("tiny", stored)):
        predicate = ask([(f"{column}__{name}", str(bound))]).slice.predicate
        assert isinstance(predicate, Compare)
        assert isinstance(predicate.right, Constant)
        kept = _SIGNS[predicate.operator](value, predicate.right.value)
        assert kept == _SIGNS[written](Decimal(stored), bound)


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_constant_has_no_exponent_and_fits_its_own_type(
    ask: Ask, number: Decimal
) -> None:
    try:
        found = constant(ask, "price", str(number))
    except BadValueError:
        return
    assert isinstance(found.value, Decimal)
    assert found.value == number
    places = -int(found.value.as_tuple().exponent)
    assert places >= 0
    digits = max(found.value.adjusted() + 1, 1) + places
    assert found.type_name in {"DECIMAL(10,2)", f"DECIMAL({digits},{places})"}


@settings(deadline=None)
@given(st.integers())
def test_an_integer_fits_its_column_exactly_when_the_range_holds_it(ask: Ask, number: int) -> None:
    fits = -(2**63) <= number < 2**63
    try:
        assert constant(ask, "organisation-entity", str(number)).value == number
    except BadValueError:
        assert not fits
    else:
        assert fits


@settings(deadline=None)
@given(st.datetimes(timezones=st.just(timezone(timedelta(hours=5, minutes=30)))))
def test_any_moment_is_read_in_utc(ask: Ask, moment: datetime) -> None:
    try:
        found = constant(ask, "sent", moment.isoformat())
    except BadValueError:
        assert moment.year == 1
        return
    assert found.value == moment


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_a_value_of_any_column_or_refused(ask: Ask, text: str) -> None:
    for column in ("name", "tiny", "price", "small", "open", "start-date", "clock", "seen_ns",
                   "sent", "id", "digest"):  # fmt: skip
        try:
            found = constant(ask, column, text)
        except BadValueError:
            assert column != "name"
        else:
            assert column != "name" or found.value == text
