"""Values of a real PostgreSQL arrive as they are, or are refused by name."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.postgres_parts import PostgresDatabase, PostgresServer, never

from penstock.errors import PermanentError
from penstock.exports.postgres import PostgresReader, TableQuery

UTC = pa.timestamp("us", tz="UTC")
MOMENT = dt.datetime.fromisoformat("2024-02-29T12:30:15.123456")


@pytest.fixture(scope="module")
def database(postgres: PostgresServer) -> Iterator[PostgresDatabase]:
    with postgres.database(
        "CREATE SCHEMA other",
        "CREATE TYPE other.mood AS ENUM ('glad', 'sad')",
        "CREATE TYPE pair AS (a int, b text)",
        "CREATE DOMAIN short AS varchar(5)",
        "CREATE DOMAIN price AS numeric(8, 3)",
    ) as made:
        yield made


@pytest.mark.parametrize(
    ("expression", "type_", "value"),
    [
        ("true", pa.bool_(), True),
        ("(-32768)::int2", pa.int16(), -32768),
        ("2147483647", pa.int32(), 2147483647),
        ("(-9223372036854775808)::int8", pa.int64(), -(2**63)),
        ("1.5::float4", pa.float32(), 1.5),
        ("'-infinity'::float8", pa.float64(), float("-inf")),
        ("4294967295::oid", pa.int64(), 4294967295),
        ("'a ¿b? \n\t🛶'", pa.string(), "a ¿b? \n\t🛶"),
        ("''::varchar(3)", pa.string(), ""),
        ("'AB'::char(4)", pa.string(), "AB  "),
        ("'x'::name", pa.string(), "x"),
        ("'q'::\"char\"", pa.string(), "q"),
        ("'\\x00ff'::bytea", pa.binary(), b"\x00\xff"),
        ("date '0044-03-15 BC'", pa.date32(), None),
        ("date '9999-12-31'", pa.date32(), dt.date(9999, 12, 31)),
        ("time '23:59:59.999999'", pa.time64("us"), dt.time(23, 59, 59, 999999)),
        (f"timestamp '{MOMENT}'", pa.timestamp("us"), MOMENT),
        (f"timestamptz '{MOMENT}+02'", UTC, (MOMENT - dt.timedelta(hours=2))),
        ("time '12:00' AT TIME ZONE 'UTC'", pa.string(), "12:00:00+00"),
        ("interval '1 year 2 months -3 days 04:05:06.5'", pa.string(), "P1Y2M-3DT4H5M6.5S"),
        (
            "'9c8a4f7e-2f7d-4c0e-9a53-0f6c2a3b1d4e'::uuid",
            pa.string(),
            "9c8a4f7e-2f7d-4c0e-9a53-0f6c2a3b1d4e",
        ),
        ("json '{\"a\" :1}'", pa.string(), '{"a" :1}'),
        ("jsonb '{\"a\":1}'", pa.string(), '{"a": 1}'),
        ("'glad'::other.mood", pa.string(), "glad"),
        ("inet '192.0.2.1/24'", pa.string(), "192.0.2.1/24"),
        ("int4range(1, 5)", pa.string(), "[1,5)"),
        ("B'1011'", pa.string(), "1011"),
        ("'abcde'::short", pa.string(), "abcde"),
        ("12.5::price", pa.decimal128(8, 3), Decimal("12.500")),
        ("(-0.07)::numeric(12, 2)", pa.decimal128(12, 2), Decimal("-0.07")),
        ("1234.5::numeric(6, -2)", pa.decimal128(8, 0), Decimal(1200)),
        ("0.00012::numeric(2, 5)", pa.decimal128(5, 5), Decimal("0.00012")),
        ("'9'::numeric(38, 0)", pa.decimal128(38, 0), Decimal(9)),
        ("'9'::numeric(39, 0)", pa.string(), "9"),
        ("2::numeric / 3", pa.string(), "0.66666666666666666667"),
        ("1234.56::numeric::money", pa.string(), "1234.56"),
        ("ARRAY[1, NULL, 3]", pa.list_(pa.int32()), [1, None, 3]),
        ("'[5:6]={7,8}'::int8[]", pa.list_(pa.int64()), [7, 8]),
        ("ARRAY[]::text[]", pa.list_(pa.string()), []),
        ("ARRAY['é', NULL, '']", pa.list_(pa.string()), ["é", None, ""]),
        ("ARRAY[1.5]::numeric(5, 2)[]", pa.list_(pa.decimal128(5, 2)), [Decimal("1.50")]),
        ("ARRAY[1.5, 'NaN']::numeric[]", pa.list_(pa.string()), ["1.5", "NaN"]),
        ("ARRAY['glad']::other.mood[]", pa.list_(pa.string()), ["glad"]),
        ("ARRAY['abc']::short[]", pa.list_(pa.string()), ["abc"]),
        ("ARRAY['abc']::char(5)[]", pa.list_(pa.string()), ["abc  "]),
        ("ARRAY[date '2024-02-29']", pa.list_(pa.date32()), [dt.date(2024, 2, 29)]),
        ("ARRAY[true]", pa.list_(pa.bool_()), [True]),
        ("NULL::int4[]", pa.list_(pa.int32()), None),
        ("NULL::numeric(5, 2)", pa.decimal128(5, 2), None),
        ("NULL", pa.string(), None),
    ],
)  # fmt: skip
def test_a_value_arrives_exactly(
    database: PostgresDatabase, expression: str, type_: pa.DataType, value: object
) -> None:
    table = database.table(f"SELECT {expression} AS x")
    assert table.schema.field("x").type == type_
    if expression.endswith("BC'"):
        assert table.column("x").cast(pa.int32()).to_pylist() == [-735160]
        return
    column = table.column("x")
    if type_ == UTC:
        column = column.cast(pa.timestamp("us"))
    assert column.to_pylist() == [value]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("'NaN'::numeric(5, 2)", "NaN or an infinite number"),
        ("'infinity'::date", "an infinite date"),
        ("'-infinity'::date", "an infinite date"),
        ("'infinity'::timestamp", "an infinite moment"),
        ("'-infinity'::timestamptz", "an infinite moment"),
        ("timestamp '294276-12-31 23:59:59.999999'", "an infinite moment"),
        ("time '24:00'", "24:00:00"),
        ("ARRAY[[1, 2], [3, 4]]", "an array of several dimensions"),
        ("ARRAY['NaN']::numeric(5, 2)[]", "NaN or an infinite number"),
        ("ARRAY['infinity'::date, NULL]", "an infinite date"),
        ("(1, 'b')::pair", "type pair"),
        ("ARRAY[(1, 'b')::pair]", "type pair"),
        ("point '(1, 2)'", "type point"),
        ("pg_sleep(0)", "type void"),
    ],
)
def test_what_has_no_place_in_arrow_is_refused_by_name(
    database: PostgresDatabase, expression: str, said: str
) -> None:
    with pytest.raises(PermanentError) as raised:
        database.table(f"SELECT 1 AS fine, {expression} AS odd")
    assert "“odd”" in raised.value.detail
    assert said in raised.value.detail
    assert raised.value.facts["column"] == "odd"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT 1 AS a, 2 AS a", "two columns called “a”"),
        ("SELECT 1", "without a name"),
        ("SELECT", "no columns"),
        ("SELECT * FROM nowhere", "no such table"),
        ("SELECT x FROM (VALUES (1)) AS v(y)", "no such column"),
        ("SELEC 1", "doesn't understand"),
        ("SELECT 1 / 0 AS x", "can't be read"),
    ],
)
def test_a_query_that_cannot_be_answered_is_a_permanent_error(
    database: PostgresDatabase, query: str, said: str
) -> None:
    with pytest.raises(PermanentError, match=said):
        database.table(query)


def test_a_role_that_may_not_read_is_a_permanent_error(
    postgres: PostgresServer, database: PostgresDatabase
) -> None:
    with postgres.database("CREATE TABLE secret (x int)") as other:
        other.execute("CREATE ROLE weak LOGIN PASSWORD 'weak'")
        try:
            weak = PostgresDatabase(
                connection_string=f"{other.connection_string} user=weak password=weak"
            )
            with pytest.raises(PermanentError, match="may not read"):
                weak.table("SELECT x FROM secret")
        finally:
            other.execute("DROP ROLE weak")


def test_an_empty_result_still_tells_its_schema(database: PostgresDatabase) -> None:
    table = database.table("SELECT 1.5::numeric(5, 2) AS x, now() AS at WHERE false")
    assert table.num_rows == 0
    assert table.schema == pa.schema([("x", pa.decimal128(5, 2)), ("at", UTC)])


def test_names_and_values_cannot_leave_their_places(database: PostgresDatabase) -> None:
    awkward = 'a"b%s; DROP TABLE x --'
    table = database.table(
        'SELECT %s AS "a""b%%s; DROP TABLE x --", %s::int AS n, %s AS t, %s AS nothing, '
        "7 %% 4 AS rest WHERE 3 = ANY (%s)",
        "it's \\ 100% 'quoted' %s",
        41,
        dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
        None,
        [1, 2, 3],
        sort=(awkward,),
    )
    assert table.column_names == [awkward, "n", "t", "nothing", "rest"]
    row = table.to_pylist()[0]
    assert row[awkward] == "it's \\ 100% 'quoted' %s"
    assert (row["n"], row["nothing"], row["rest"]) == (41, None, 3)


def test_values_that_do_not_fit_their_query_are_a_permanent_error(
    database: PostgresDatabase,
) -> None:
    with pytest.raises(PermanentError, match="don't fit together"):
        database.table("SELECT %s AS x", 1, 2)


_KINDS = {
    "i": "int8",
    "t": "text",
    "n": "numeric(12, 2)",
    "f": "float8",
    "d": "date",
    "s": "timestamp",
    "b": "bytea",
    "o": "bool",
    "l": "int4[]",
}
_VALUES = {
    "i": st.integers(-(2**63), 2**63 - 1),
    "t": st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    "n": st.decimals(Decimal(-(10**10)) + 1, Decimal(10**10) - 1, places=2),
    "f": st.floats(allow_nan=False),
    "d": st.dates(),
    "s": st.datetimes(),
    "b": st.binary(),
    "o": st.booleans(),
    "l": st.lists(st.none() | st.integers(-(2**31), 2**31 - 1)),
}
_rows = st.fixed_dictionaries({name: st.none() | values for name, values in _VALUES.items()})


@pytest.fixture(scope="module")
def reader(database: PostgresDatabase) -> Iterator[PostgresReader]:
    with database.reader(batch_rows=7) as made:
        yield made


@settings(max_examples=50)
@given(rows=st.lists(_rows, max_size=20))
def test_any_rows_arrive_as_they_are_stored(
    reader: PostgresReader, rows: list[dict[str, Any]]
) -> None:
    one = ", ".join(f"CAST(%s AS {kind})" for kind in _KINDS.values())
    # One row more, which the condition takes out again: there is no VALUES of no rows.
    source = ", ".join([f"(CAST(%s AS int), {one})"] * (len(rows) + 1))
    nothing = dict.fromkeys(_KINDS)
    query = TableQuery(
        sql=f"SELECT {', '.join(_KINDS)} FROM (VALUES {source}) AS v(k, {', '.join(_KINDS)})"
        " WHERE k IS NOT NULL ORDER BY k",
        parameters=tuple(
            value
            for number, row in [(None, nothing), *enumerate(rows)]
            for value in (number, *(row[name] for name in _KINDS))
        ),
    )
    with reader.snapshot() as snapshot:
        batches = list(snapshot.read(query, cancelled=never))
    assert all(batch.num_rows <= 7 for batch in batches)
    assert pa.Table.from_batches(batches).to_pylist() == rows
