"""Risk categories, with how many types of risk are in each."""

from typing import Annotated

from pydantic import Field

from penstock.exports.declaration import DatabaseSource, ExportType
from penstock.exports.parameters import Parameters

_SQL = """
SELECT
    c.id, c.code, c.name, c.severity, c.active, c.description, c.updated_at,
    (SELECT count(*) FROM risk_type AS t WHERE t.category_id = c.id) AS risk_types
FROM risk_category AS c {where}
"""


class RiskCategories(Parameters):
    """Which categories."""

    active: bool | None = None
    """Only those in use, or only those that aren't."""
    least_severity: Annotated[int, Field(ge=1, le=5)] | None = None
    """Those of this severity, 1 to 5, and above."""


EXPORT = ExportType(
    name="risk-categories",
    title="Risk categories",
    source=DatabaseSource(
        sql=_SQL, where={"active": "c.active = %s", "least_severity": "c.severity >= %s"}
    ),
    parameters=RiskCategories,
    columns=(
        "id", "code", "name", "severity", "active", "description", "updated_at", "risk_types",
    ),
    sort=("id",),
    size="small",
)  # fmt: skip
