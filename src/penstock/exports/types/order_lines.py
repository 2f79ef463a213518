"""Order lines: everything that was ordered, line by line."""

from typing import Annotated

from pydantic import Field

from penstock.exports.declaration import DatabaseSource, ExportType
from penstock.exports.parameters import Period

_SQL = """
SELECT
    l.order_id, l.line, o.customer_id, o.placed_at, o.status, o.currency::text AS currency,
    l.product, l.quantity, l.unit_price, l.amount
FROM order_line AS l JOIN customer_order AS o ON o.id = l.order_id {where}
"""


class OrderLines(Period):
    """Which lines, by the day on which their orders were placed, too."""

    customer_id: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None
    """Those of one customer."""
    product: Annotated[str, Field(max_length=200)] | None = None
    """Those of one product, by its name."""


EXPORT = ExportType(
    name="order-lines",
    title="Order lines",
    source=DatabaseSource(
        sql=_SQL,
        where={
            "since": "o.placed_at >= %s",
            "until": "o.placed_at < %s",
            "customer_id": "o.customer_id = %s",
            "product": "l.product = %s",
        },
    ),
    parameters=OrderLines,
    columns=(
        "order_id", "line", "customer_id", "placed_at", "status", "currency", "product",
        "quantity", "unit_price", "amount",
    ),
    sort=("order_id", "line"),
    size="large",
)  # fmt: skip
