"""Rows of the demo databases, the same on every machine and at every start."""

from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from penstock.local.demo import words
from penstock.local.demo.arrays import counted, drawn, happens, joined, picked, scaled

CATEGORIES = 24
TYPES = 180
CUSTOMERS = 2_000
ORDERS = 20_000
LINES = 50_000
PAYMENTS = 1_201
AUDITED = 50_000

_DAY_SECONDS = 86_400
_FIRST_DAY = 18_262
"""1 January 2020, counted from 1970."""
_DAYS = 1_980
"""Orders and audited actions run over about five and a half years."""

_PRODUCTS = (
    "Oak lintel", "Lime mortar, 25 kg", "Sash window", "Slate, reclaimed", "Cast-iron gutter",
    "Copper pipe, 3 m", "Thatch", "Leaded light", "Flood gate", 'Door "Priory"',
)  # fmt: skip
_DANGERS = ("Flood", "Fire", "Subsidence", "Theft", "Frost", "Storm", "Rot", "Asbestos")
_CAUSES = ("of a roof", "of records", "in a vault", "at a weir", "on site", "in transit")
_CONTROLS = ("{}", "{alarm}", "{alarm,patrol}", '{"daily check",insurance}', '{"two keys"}')
_STATUSES = ("placed", "packed", "sent", "delivered", "delivered", "delivered", "returned")
_ACTORS = ("asha", "bryn", "carys", "night-batch", "jorunn", "o'larkin")
_ACTIONS = ("viewed", "viewed", "viewed", "changed", "exported", "approved")
_ENTITIES = ("customer", "customer_order", "risk_type", "premium_pay")


def rows_of(tenant: str) -> Mapping[str, Callable[[], pa.Table]]:
    """Give the making of each table's rows, by the table's name, in the table's columns."""
    seed = 1000 * (1 + sum(tenant.encode()))
    return {
        "risk_category": lambda: _categories(seed),
        "risk_type": lambda: _types(seed + 20),
        "customer": lambda: _customers(seed + 40),
        "customer_order": lambda: _orders(seed + 60, lines=_lines(seed + 80)),
        "order_line": lambda: _lines(seed + 80),
        "premium_pay": lambda: _payments(seed + 100),
        "audit_trail": lambda: _audited(seed + 120),
    }


def _categories(seed: int) -> pa.Table:
    ids = counted(CATEGORIES, start=1)
    names = [f"{danger} {cause}" for danger in _DANGERS for cause in _CAUSES[:3]]
    return pa.table(
        {
            "id": ids,
            "code": joined("RC-", _padded(ids, 3)),
            "name": pa.array(names),
            "severity": pc.add(drawn(ids, below=5, salt=seed), 1),
            "active": happens(ids, per_thousand=850, salt=seed + 1),
            "description": picked(ids, (*words.NOTES, None), salt=seed + 2),
            "updated_at": _moments(ids, salt=seed + 3),
        }
    )


def _types(seed: int) -> pa.Table:
    ids = counted(TYPES, start=1)
    severe = happens(ids, per_thousand=300, salt=seed)
    return pa.table(
        {
            "id": ids,
            "category_id": pc.add(drawn(ids, below=CATEGORIES, salt=seed + 1), 1),
            "code": joined("RT-", _padded(ids, 4)),
            "name": joined(
                picked(ids, _DANGERS, salt=seed + 2), " ", picked(ids, _CAUSES, salt=seed + 3)
            ),
            "likelihood": scaled(
                drawn(ids, below=10_000, salt=seed + 4), precision=5, scale=4
            ),
            "impact": pc.add(drawn(ids, below=5, salt=seed + 5), 1),
            "controls": picked(ids, _CONTROLS, salt=seed + 6),
            "last_reviewed": _without(_days(ids, salt=seed + 7), severe),
            "details": joined(
                '{"owner": "', picked(ids, _ACTORS[:3], salt=seed + 8),
                '", "reviews": ', drawn(ids, below=12, salt=seed + 9), "}",
            ),
        }
    )  # fmt: skip


def _customers(seed: int) -> pa.Table:
    ids = counted(CUSTOMERS, start=1)
    given = picked(ids, words.GIVEN_NAMES, salt=seed)
    family = picked(ids, words.FAMILY_NAMES, salt=seed + 1)
    number = drawn(ids, below=1_000_000, salt=seed + 2)
    return pa.table(
        {
            "id": ids,
            "reference": joined(
                "5eed0000-0000-4000-8000-", _padded(pc.add(pc.multiply(ids, 1000), seed), 12)
            ),
            "name": joined(given, " ", family),
            "email": _without(
                joined("customer", ids, "@post.example"),
                happens(ids, per_thousand=100, salt=seed + 3),
            ),
            "town": pa.array(words.PLACES).take(drawn(ids, below=len(words.PLACES), salt=seed + 4)),
            "credit_limit": _without(
                scaled(pc.multiply(number, 5), precision=12, scale=2),
                happens(ids, per_thousand=200, salt=seed + 5),
            ),
            "joined": _days(ids, salt=seed + 6),
            "vip": happens(ids, per_thousand=50, salt=seed + 7),
            "notes": picked(ids, (*words.NOTES, *[None] * 40), salt=seed + 8),
        }
    )


def _orders(seed: int, *, lines: pa.Table) -> pa.Table:
    ids = counted(ORDERS, start=1)
    # Later orders have higher numbers.
    second = pc.add(
        pc.multiply(ids, _DAYS * _DAY_SECONDS // ORDERS), drawn(ids, below=7_000, salt=seed)
    )
    status = picked(ids, _STATUSES, salt=seed + 1)
    day = pc.divide(second, _DAY_SECONDS)
    totals = lines.group_by("order_id").aggregate([("amount", "sum")]).sort_by("order_id")
    delivered = pc.add(pc.add(day, drawn(ids, below=14, salt=seed + 2)), _FIRST_DAY)
    return pa.table(
        {
            "id": ids,
            "customer_id": pc.add(drawn(ids, below=CUSTOMERS, salt=seed + 3), 1),
            "placed_at": _from_seconds(second),
            "status": status,
            "currency": picked(ids, ("GBP", "GBP", "GBP", "EUR", "NOK"), salt=seed + 4),
            "total": totals.column("amount_sum"),
            "paid": happens(ids, per_thousand=930, salt=seed + 6),
            "delivered": _without(_dates(delivered), pc.not_equal(status, "delivered")),
        }
    )


def _lines(seed: int) -> pa.Table:
    # Five lines for every two orders: the first has three, the second two.
    numbers = counted(LINES)
    pair = pc.divide(numbers, 5)
    place = pc.subtract(numbers, pc.multiply(pair, 5))
    second = pc.greater_equal(place, 3).cast(pa.int64())
    quantity = pc.add(drawn(numbers, below=12, salt=seed), 1)
    price = pc.add(drawn(numbers, below=40_000, salt=seed + 1), 99)
    return pa.table(
        {
            "order_id": pc.add(pc.add(pc.multiply(pair, 2), second), 1),
            "line": pc.add(pc.subtract(place, pc.multiply(second, 3)), 1),
            "product": picked(numbers, _PRODUCTS, salt=seed + 2),
            "quantity": quantity,
            "unit_price": scaled(price, precision=10, scale=2),
            "amount": scaled(pc.multiply(price, quantity), precision=12, scale=2),
        }
    )


def _payments(seed: int) -> pa.Table:
    ids = counted(PAYMENTS, start=1)
    hours = pc.add(drawn(ids, below=4_000, salt=seed), 25)
    rate = pc.add(drawn(ids, below=3_500, salt=seed + 1), 1_500)
    month = pc.add(pc.multiply(drawn(ids, below=24, salt=seed + 2), 30), 19_000)
    return pa.table(
        {
            "id": ids,
            "employee": _padded(drawn(ids, below=900, salt=seed + 3), 6),
            "name": joined(
                picked(ids, words.GIVEN_NAMES, salt=seed + 4),
                " ",
                picked(ids, words.FAMILY_NAMES, salt=seed + 5),
            ),
            "team": picked(ids, ("Highways", "Night desk", "Flood watch", ""), salt=seed + 6),
            "month": pc.floor_temporal(_dates(month), unit="month"),
            "hours": scaled(hours, precision=6, scale=2),
            "rate": scaled(rate, precision=6, scale=2),
            "amount": scaled(pc.divide(pc.multiply(hours, rate), 100), precision=9, scale=2),
            "on_call": happens(ids, per_thousand=350, salt=seed + 7),
        }
    )


def _audited(seed: int) -> pa.Table:
    ids = counted(AUDITED, start=1)
    seconds = pc.multiply(ids, _DAYS * _DAY_SECONDS // AUDITED)
    address = joined("192.0.2.", drawn(ids, below=256, salt=seed))
    return pa.table(
        {
            "id": ids,
            "at": _from_seconds(seconds),
            "actor": picked(ids, _ACTORS, salt=seed + 1),
            "action": picked(ids, _ACTIONS, salt=seed + 2),
            "entity": picked(ids, _ENTITIES, salt=seed + 3),
            "entity_id": pc.add(drawn(ids, below=1_000, salt=seed + 4), 1),
            "address": _without(address, happens(ids, per_thousand=100, salt=seed + 5)),
            "detail": joined('{"request": ', drawn(ids, below=1_000_000, salt=seed + 6), "}"),
        }
    )


def _padded(numbers: pa.Int64Array, width: int) -> pa.StringArray:
    return pc.utf8_lpad(numbers.cast(pa.string()), width, "0")


def _without(values: pa.Array, missing: pa.BooleanArray) -> pa.Array:
    return pc.if_else(missing, pa.scalar(None, values.type), values)


def _dates(days: pa.Int64Array) -> pa.Date32Array:
    return days.cast(pa.int32()).cast(pa.date32())


def _days(ids: pa.Int64Array, *, salt: int) -> pa.Date32Array:
    return _dates(pc.add(drawn(ids, below=_DAYS, salt=salt), _FIRST_DAY))


def _moments(ids: pa.Int64Array, *, salt: int) -> pa.TimestampArray:
    return _from_seconds(drawn(ids, below=_DAYS * _DAY_SECONDS, salt=salt))


def _from_seconds(seconds: pa.Int64Array) -> pa.TimestampArray:
    micros = pc.multiply(pc.add(seconds, _FIRST_DAY * _DAY_SECONDS), 1_000_000)
    return micros.cast(pa.timestamp("us", tz="UTC"))
