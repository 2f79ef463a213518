"""Wide rows: the table that `bench/exports.py` has exported, declared as any other type is."""

from typing import Annotated

from pydantic import Field

from penstock.exports.declaration import DatabaseSource, ExportType
from penstock.exports.parameters import Parameters

_SQL = """
SELECT id, customer, quantity, reference, net, gross, placed_at, due, is_paid, note
FROM wide_rows {where}
"""


class WideRows(Parameters):
    """How many of the rows; without, all of them."""

    first: Annotated[int, Field(ge=1)] | None = None


EXPORT = ExportType(
    name="wide-rows",
    title="Wide rows",
    source=DatabaseSource(sql=_SQL, where={"first": "id <= %s"}),
    parameters=WideRows,
    columns=(
        "id", "customer", "quantity", "reference", "net", "gross", "placed_at", "due", "is_paid",
        "note",
    ),
    sort=("id",),
    size="large",
)  # fmt: skip
