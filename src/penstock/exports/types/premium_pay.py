"""Premium pay: what was paid beside salaries, and for what."""

from typing import Annotated

from pydantic import Field

from penstock.exports.declaration import DatabaseSource, ExportType
from penstock.exports.parameters import Period

_SQL = """
SELECT id, employee, name, team, month, hours, rate, amount, on_call FROM premium_pay {where}
"""


class PremiumPay(Period):
    """Which payments; those of a month count as its first day's."""

    team: Annotated[str, Field(max_length=100)] | None = None
    """Those to one team."""
    on_call: bool | None = None
    """Only those for being on call, or only the others."""


EXPORT = ExportType(
    name="premium-pay",
    title="Premium pay",
    source=DatabaseSource(
        sql=_SQL,
        where={
            "since": "month >= %s",
            "until": "month < %s",
            "team": "team = %s",
            "on_call": "on_call = %s",
        },
    ),
    parameters=PremiumPay,
    columns=("id", "employee", "name", "team", "month", "hours", "rate", "amount", "on_call"),
    sort=("id",),
    size="small",
)
