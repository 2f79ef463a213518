"""Orders by month: how many there were, of how many customers, and what they came to."""

from typing import Annotated, Literal

from pydantic import Field

from penstock.exports.declaration import DatabaseSource, ExportType
from penstock.exports.parameters import Period

_SQL = """
SELECT
    date_trunc('month', placed_at)::date AS month, currency::text AS currency,
    count(*) AS orders, count(DISTINCT customer_id) AS customers,
    sum(total)::numeric(18, 2) AS total,
    coalesce(sum(total) FILTER (WHERE paid), 0)::numeric(18, 2) AS paid
FROM customer_order {where}
GROUP BY 1, 2
"""


class OrdersByMonth(Period):
    """Which orders, by the day on which they were placed, too."""

    status: (
        Annotated[
            tuple[Literal["placed", "packed", "sent", "delivered", "returned"], ...],
            Field(min_length=1, max_length=5),
        ]
        | None
    ) = None
    """Those in one of these states."""
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    """Those in one currency, by its ISO 4217 code."""


EXPORT = ExportType(
    name="orders-by-month",
    title="Orders by month and currency",
    source=DatabaseSource(
        sql=_SQL,
        where={
            "since": "placed_at >= %s",
            "until": "placed_at < %s",
            "status": "status IN %s",
            "currency": "currency = %s",
        },
        is_counted=False,
    ),
    parameters=OrdersByMonth,
    columns=("month", "currency", "orders", "customers", "total", "paid"),
    sort=("month", "currency"),
    size="small",
)
