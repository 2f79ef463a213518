"""Customers, with what they have ordered."""

from typing import Annotated

from pydantic import Field

from penstock.exports.declaration import DatabaseSource, ExportType
from penstock.exports.parameters import Period

_SQL = """
SELECT
    c.id, c.reference, c.name, c.email, c.town, c.credit_limit, c.joined, c.vip, c.notes,
    coalesce(o.orders, 0) AS orders, o.last_order
FROM customer AS c
LEFT JOIN (
    SELECT customer_id, count(*) AS orders, max(placed_at) AS last_order
    FROM customer_order GROUP BY customer_id
) AS o ON o.customer_id = c.id
{where}
"""


class Customers(Period):
    """Which customers, by the day on which they joined, too."""

    town: Annotated[str, Field(max_length=100)] | None = None
    """Those of one town."""
    vip: bool | None = None
    """Only the most valued, or only the others."""


EXPORT = ExportType(
    name="customers",
    title="Customers",
    source=DatabaseSource(
        sql=_SQL,
        where={
            "since": "c.joined >= %s",
            "until": "c.joined < %s",
            "town": "c.town = %s",
            "vip": "c.vip = %s",
        },
    ),
    parameters=Customers,
    columns=(
        "id", "reference", "name", "email", "town", "credit_limit", "joined", "vip", "notes",
        "orders", "last_order",
    ),
    sort=("id",),
    size="small",
)  # fmt: skip
