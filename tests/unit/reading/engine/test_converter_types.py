import datetime as dt
from decimal import Decimal

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.reading.engine.convert_types import Guess, narrowed, settled, typed

numbers = st.one_of(
    st.integers(-(10**40), 10**40).map(str),
    st.integers(-1000, 1000).map(str),
    st.decimals(
        allow_nan=False, allow_infinity=False, places=2, min_value=-9999, max_value=9999
    ).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.from_regex(r"[+-]?[0-9]{0,4}\.?[0-9]{0,22}(e[+-]?[0-9]{1,3})?", fullmatch=True),
)
moments = st.one_of(
    st.dates().map(str),
    st.datetimes().map(str),
    st.datetimes().map(dt.datetime.isoformat),
    st.datetimes(timezones=st.sampled_from([dt.UTC, dt.timezone(dt.timedelta(hours=5.5))])).map(
        str
    ),
    st.from_regex(r"[0-9]{4}-[0-3][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9]Z?)?"),
)
truths = st.sampled_from(["true", "false", "True", "False", "TRUE", "FALSE"])
texts = st.sampled_from(
    [numbers, moments, truths, st.integers(-5, 99).map(str), st.text(max_size=4)]
)
columns = texts.flatmap(lambda kind: st.lists(st.one_of(kind, st.just("")), max_size=8))


@settings(max_examples=600, deadline=None)
@given(values=columns, cut=st.integers(0, 8))
def test_every_value_can_be_written_back_from_its_type(values: list[str], cut: int) -> None:
    guess = Guess()
    for part in (values[:cut], values[cut:]):
        guess = narrowed(guess, pa.array(part, pa.string()))
    type_ = settled(guess)
    kept = typed(pa.array(values, pa.string()), type_).to_pylist()
    for value, text in zip(kept, values, strict=True):
        assert says(text, value, type_), (text, value, type_)


def says(text: str, value: object, type_: pa.DataType) -> bool:
    if text == "":
        return value == "" if pa.types.is_string(type_) else value is None
    match value:
        case bool():
            return str(value).lower() == text.lower()
        case int() | str() | Decimal():
            return format(value, "f") == text if isinstance(value, Decimal) else str(value) == text
        case float():
            return Decimal(repr(value)) == Decimal(text)
        case dt.datetime():
            return value == dt.datetime.fromisoformat(text)
        case dt.date():
            return value.isoformat() == text
        case _:
            return False


@given(parts=st.lists(st.lists(numbers, max_size=3), max_size=4))
def test_where_batches_end_makes_no_difference(parts: list[list[str]]) -> None:
    guess = Guess()
    for part in parts:
        guess = narrowed(guess, pa.array(part, pa.string()))
    joined = [value for part in parts for value in part]
    assert settled(guess) == settled(narrowed(Guess(), pa.array(joined, pa.string())))
