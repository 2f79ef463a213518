"""Types of risk, with the categories that they are in."""

from datetime import date
from typing import Annotated

from pydantic import Field

from penstock.exports.declaration import DatabaseSource, ExportType
from penstock.exports.parameters import Parameters

_SQL = """
SELECT
    t.id, t.code, t.name, c.code AS category_code, c.name AS category, t.likelihood, t.impact,
    t.controls, t.last_reviewed, t.details
FROM risk_type AS t JOIN risk_category AS c ON c.id = t.category_id {where}
"""


class RiskTypes(Parameters):
    """Which types of risk."""

    category_code: Annotated[str, Field(max_length=50)] | None = None
    """Those of one category, by its code."""
    least_impact: Annotated[int, Field(ge=1, le=5)] | None = None
    """Those of this impact, 1 to 5, and above."""
    not_reviewed_since: date | None = None
    """Those last reviewed before this day, or never."""


EXPORT = ExportType(
    name="risk-types",
    title="Types of risk",
    source=DatabaseSource(
        sql=_SQL,
        where={
            "category_code": "c.code = %s",
            "least_impact": "t.impact >= %s",
            "not_reviewed_since": "t.last_reviewed < %s OR t.last_reviewed IS NULL",
        },
    ),
    parameters=RiskTypes,
    columns=(
        "id", "code", "name", "category_code", "category", "likelihood", "impact", "controls",
        "last_reviewed", "details",
    ),
    sort=("id",),
    size="small",
)  # fmt: skip
