"""Exports of tables: what each shipped type gives, and what happens where a database fails."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tests.export_parts import TENANT, ExportHouse
from tests.postgres_parts import PostgresDatabase

from penstock.exports import all_types
from penstock.exports.declaration import DatabaseSource

TABLE_TYPES = [name for name, one in all_types().items() if isinstance(one.source, DatabaseSource)]


def columns_of(table: pa.Table, *names: str) -> list[tuple[Any, ...]]:
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))


@pytest.mark.parametrize("name", TABLE_TYPES)
def test_every_type_gives_its_columns_and_its_order(house: ExportHouse, name: str) -> None:
    declared = all_types()[name]
    job = house.exported(name, {})
    table = house.table(job)
    assert tuple(table.column_names) == declared.columns
    assert table.num_rows > 0
    keys = columns_of(table, *declared.sort)
    assert keys == sorted(set(keys))
    assert job.high_water == table.num_rows
    result = house.sources.exported.export(TENANT, job.id)
    assert [column.name for column in result.columns] == list(declared.columns)


GIVEN: dict[str, Any] = {
    "since": "2022-06-03",
    "until": "2023-04-05",
    "active": True,
    "vip": False,
    "on_call": True,
    "least_severity": 3,
    "least_impact": 2,
    "not_reviewed_since": "2022-01-01",
    "category_code": "RC-003",
    "team": "Highways",
    "town": "Kestey",
    "status": ["sent", "delivered"],
    "currency": "GBP",
    "actor": "o'larkin",
    "action": "viewed",
    "entity": "customer",
    "customer_id": 7,
    "product": 'Door "Priory"',
}


@pytest.mark.parametrize(
    ("name", "parameter"),
    [(name, field) for name in TABLE_TYPES for field in all_types()[name].parameters.model_fields],
)
def test_every_parameter_leaves_some_rows_out(
    house: ExportHouse, name: str, parameter: str
) -> None:
    fewer = house.table(house.exported(name, {parameter: GIVEN[parameter]}))
    whole = house.table(house.exported(name, {}))
    # Of grouped rows fewer are counted, and not fewer are there.
    size = "orders" if name == "orders-by-month" else None
    counts = [t.num_rows if size is None else pc.sum(t[size]).as_py() for t in (fewer, whole)]
    assert 0 < counts[0] < counts[1]


def test_premium_pay_is_exact_to_the_penny(house: ExportHouse, demo: PostgresDatabase) -> None:
    job = house.exported("premium-pay", {}, formats=["csv", "ndjson"])
    table = house.table(job)
    stored = demo.fetch("SELECT id, employee, month, hours, amount FROM premium_pay ORDER BY id")
    assert columns_of(table, "id", "employee", "month", "hours", "amount") == stored
    assert table.schema.field("amount").type == pa.decimal128(9, 2)
    assert [one.rows for one in job.artifacts] == [1201, 1201, 1201]
    assert house.path(job, "file-000001.csv").read_bytes().count(b"\n") == 1202


def test_a_period_begins_with_its_first_day_and_ends_before_its_last(house: ExportHouse) -> None:
    params = {"since": "2021-03-01", "until": "2021-04-01"}
    table = house.table(house.exported("audit-trail", params))
    first, last = pc.min(table["at"]).as_py(), pc.max(table["at"]).as_py()
    assert datetime(2021, 3, 1, tzinfo=UTC) <= first
    assert last < datetime(2021, 4, 1, tzinfo=UTC)
    assert first.date() == date(2021, 3, 1)
    assert last.date() == date(2021, 3, 31)


def test_orders_add_up_by_month(house: ExportHouse, demo: PostgresDatabase) -> None:
    table = house.table(house.exported("orders-by-month", {"currency": "GBP"}))
    ((orders, total),) = demo.fetch(
        "SELECT count(*), sum(total) FROM customer_order WHERE currency = 'GBP'"
    )
    assert (pc.sum(table["orders"]).as_py(), pc.sum(table["total"]).as_py()) == (orders, total)
    assert all(month.day == 1 for month in table["month"].to_pylist())


def test_rows_of_no_one_are_a_result_with_the_columns(house: ExportHouse) -> None:
    job = house.exported("customers", {"town": "Nowhere"}, formats=["csv"])
    assert house.table(job).num_rows == 0
    header = house.path(job, "file-000001.csv").read_text().splitlines()
    assert header == [",".join(all_types()["customers"].columns)]


def test_a_hostile_value_is_a_value(house: ExportHouse) -> None:
    hostile = "x'; DROP TABLE customer; --%s%%"
    assert house.table(house.exported("customers", {"town": hostile})).num_rows == 0
    assert house.table(house.exported("customers", {})).num_rows == 2000


def test_sums_keep_every_digit(house: ExportHouse) -> None:
    table = house.table(house.exported("orders-by-month", {}))
    assert table.schema.field("total").type == pa.decimal128(18, 2)
    assert all(isinstance(total, Decimal) for total in table["total"].to_pylist())
