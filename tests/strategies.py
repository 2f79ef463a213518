"""Hypothesis strategies for Arrow data: types, columns and batches as a store may hold them."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal, localcontext
from itertools import pairwise

import pyarrow as pa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

untimed = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
"""For tests of encoders: a busy machine fails none of them for being slow."""

NAUGHTY_TEXTS = (
    "",
    " ",
    '"',
    '""',
    "'",
    ",",
    ";",
    "\t",
    "\r",
    "\n",
    "\r\n",
    "a,b",
    'say "hi"',
    "=1+1",
    "+44",
    "-5",
    "@me",
    "\\",
    "\\N",
    "\\u0000",
    "null",
    "NULL",
    "NA",
    "NaN",
    "\x00",
    "\x1f\x7f\x80",
    "\u2028\u2029\ufeff",
    "Ангарск",
    "الكل في المجمو عة",
    "田中さん",
    "👩‍👩‍👧‍👦",
    "\U0010ffff",
    "</script>",
    "x" * 300,
)

_FIRST_DAY, _LAST_DAY = (
    date(y, m, d).toordinal() - 719_163 for y, m, d in ((1, 1, 1), (9999, 12, 31))
)
_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def texts() -> st.SearchStrategy[str]:
    """Strings without surrogates, often those that break writers."""
    return st.sampled_from(NAUGHTY_TEXTS) | st.text(st.characters(codec="utf-8"), max_size=12)


def names() -> st.SearchStrategy[str]:
    """Column names: mostly plain, some that must be quoted or escaped."""
    return st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True) | texts()


def scalar_types() -> st.SearchStrategy[pa.DataType]:
    """Every type that isn't nested, plain or saving space."""
    return (
        st.sampled_from(
            [
                *(pa.int8(), pa.int16(), pa.int32(), pa.int64()),
                *(pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
                *(pa.float16(), pa.float32(), pa.float64(), pa.bool_(), pa.null()),
                *(pa.date32(), pa.date64(), pa.time32("s"), pa.time32("ms")),
                *(pa.time64("us"), pa.time64("ns")),
                *(pa.timestamp(unit) for unit in _UNITS),
                *(pa.timestamp(unit, "UTC") for unit in _UNITS),
                *(pa.duration(unit) for unit in _UNITS),
                *(pa.string(), pa.large_string(), pa.string_view()),
                pa.dictionary(pa.int32(), pa.string()),
                *(pa.binary(), pa.large_binary(), pa.binary(3)),
            ]
        )
        | decimal_types()
    )


def decimal_types() -> st.SearchStrategy[pa.DataType]:
    """128-bit decimals of any precision and any scale within it."""
    return st.integers(1, 38).flatmap(
        lambda precision: st.integers(0, precision).map(
            lambda scale: pa.decimal128(precision, scale)
        )
    )


def types() -> st.SearchStrategy[pa.DataType]:
    """Types that JSON, Parquet and Arrow all hold, nested ones among them."""
    return st.recursive(scalar_types(), _nested_types, max_leaves=3)


def columns(kind: pa.DataType, length: int) -> st.SearchStrategy[pa.Array]:
    """Columns of a type; each may hold nulls, and may be a slice of a longer one."""

    def build(values: list[object], before: int, after: int) -> pa.Array:
        rows = [*values[:before], *values[:length], *values[:after]]
        return array_of(rows, kind).slice(len(values[:before]), length)

    value = values_of(kind)
    lists = st.lists(value, min_size=length, max_size=length) | st.lists(
        st.none() | value, min_size=length, max_size=length
    )
    return st.builds(build, lists, st.integers(0, 9), st.integers(0, 2))


def array_of(values: list[object], kind: pa.DataType) -> pa.Array:
    """Build an array; moments are given as integers in their own unit."""
    if _is_moment(kind):
        wide = kind.bit_width == 64
        return pa.array(values, pa.int64() if wide else pa.int32()).view(kind)
    if pa.types.is_dictionary(kind):
        return pa.array(values, kind.value_type).dictionary_encode()
    if pa.types.is_float16(kind):
        return pa.array(values, pa.float32()).cast(pa.float16())
    return pa.array(values, kind)


@st.composite
def batches(
    draw: st.DrawFn,
    kinds: Callable[[], st.SearchStrategy[pa.DataType]] = scalar_types,
    *,
    max_rows: int = 12,
    max_columns: int = 4,
) -> pa.RecordBatch:
    """Batches of up to so many rows and columns, with distinct names."""
    named = draw(st.lists(names(), min_size=1, max_size=max_columns, unique=True))
    rows = draw(st.integers(0, max_rows))
    data = [draw(columns(draw(kinds()), rows)) for _ in named]
    return pa.RecordBatch.from_arrays(data, names=named)


@st.composite
def splits(draw: st.DrawFn, batch: pa.RecordBatch) -> list[pa.RecordBatch]:
    """Cut a batch into any number of smaller ones, empty ones among them."""
    borders = sorted(draw(st.lists(st.integers(0, batch.num_rows), max_size=4)))
    edges = [0, *borders, batch.num_rows]
    return [batch.slice(start, stop - start) for start, stop in pairwise(edges)]


def values_of(kind: pa.DataType) -> st.SearchStrategy[object]:
    """Values of a type without nulls; within a nested one there are some."""
    test = pa.types
    if test.is_null(kind):
        return st.none()
    if test.is_boolean(kind):
        return st.booleans()
    if test.is_integer(kind):
        signed = test.is_signed_integer(kind)
        bits = kind.bit_width - (1 if signed else 0)
        return st.integers(-(2**bits) if signed else 0, 2**bits - 1) | st.integers(0, 99)
    if test.is_floating(kind):
        return st.floats(width=kind.bit_width)
    if test.is_decimal(kind):
        return _decimals(kind.precision, kind.scale)
    if _is_moment(kind):
        return _moments(kind)
    if test.is_dictionary(kind):
        return values_of(kind.value_type)
    if test.is_fixed_size_binary(kind):
        return st.binary(min_size=kind.byte_width, max_size=kind.byte_width)
    if test.is_binary(kind) or test.is_large_binary(kind):
        return st.binary(max_size=6)
    if test.is_struct(kind):
        return st.fixed_dictionaries(
            {field.name: st.none() | values_of(field.type) for field in kind}
        )
    if test.is_map(kind):
        return st.dictionaries(texts(), st.none() | values_of(kind.item_type), max_size=3).map(
            lambda entries: list(entries.items())
        )
    if test.is_nested(kind):
        return st.lists(st.none() | values_of(kind.value_type), max_size=3)
    return texts()


def _nested_types(
    inner: st.SearchStrategy[pa.DataType],
) -> st.SearchStrategy[pa.DataType]:
    # Arrays of moments are built from integers, which works for whole columns only; Parquet takes
    # views at the top alone.
    test = pa.types
    left_out = (_is_moment, test.is_dictionary, test.is_float16, test.is_string_view)
    leaves = inner.filter(lambda kind: not any(is_one(kind) for is_one in left_out))
    fields = st.lists(st.tuples(st.sampled_from("abc"), leaves), max_size=2, min_size=1)
    return (
        leaves.map(pa.list_)
        | leaves.map(pa.large_list)
        | leaves.map(lambda kind: pa.map_(pa.string(), kind))
        | fields.map(lambda pairs: pa.struct(list(dict(pairs).items())))
    )


def _is_moment(kind: pa.DataType) -> bool:
    return bool(pa.types.is_temporal(kind))


def _moments(kind: pa.DataType) -> st.SearchStrategy[int]:
    if pa.types.is_date32(kind):
        return st.integers(_FIRST_DAY, _LAST_DAY)
    if pa.types.is_date64(kind):
        return st.integers(_FIRST_DAY, _LAST_DAY).map(lambda day: day * 86_400_000)
    per_second = _UNITS[kind.unit]
    if pa.types.is_time(kind):
        return st.integers(0, 86_400 * per_second - 1)
    if pa.types.is_duration(kind):
        return st.integers(-(2**63), 2**63 - 1)
    low, high = _FIRST_DAY * 86_400 * per_second, (_LAST_DAY + 1) * 86_400 * per_second - 1
    low, high = max(low, -(2**63)), min(high, 2**63 - 1)
    whole = st.integers(low // per_second + 1, high // per_second)
    return st.integers(low, high) | whole.map(lambda second: second * per_second)


def _decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    def scaled(unscaled: int) -> Decimal:
        with localcontext(prec=80):
            return Decimal(unscaled).scaleb(-scale)

    top = 10**precision - 1
    return (st.integers(-top, top) | st.integers(0, min(top, 99_999))).map(scaled)
