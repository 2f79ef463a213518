"""Audit trail: who did what, when, and from where."""

from typing import Annotated

from pydantic import Field

from penstock.exports.declaration import DatabaseSource, ExportType
from penstock.exports.parameters import Period

_SQL = """
SELECT id, at, actor, action, entity, entity_id, host(address) AS address, detail
FROM audit_trail {where}
"""


class AuditTrail(Period):
    """Which entries."""

    actor: Annotated[str, Field(max_length=200)] | None = None
    """Those of one person or program."""
    action: Annotated[str, Field(max_length=100)] | None = None
    """Those of one kind of action."""
    entity: Annotated[str, Field(max_length=100)] | None = None
    """Those about one kind of record."""


EXPORT = ExportType(
    name="audit-trail",
    title="Audit trail",
    source=DatabaseSource(
        sql=_SQL,
        where={
            "since": "at >= %s",
            "until": "at < %s",
            "actor": "actor = %s",
            "action": "action = %s",
            "entity": "entity = %s",
        },
    ),
    parameters=AuditTrail,
    columns=("id", "at", "actor", "action", "entity", "entity_id", "address", "detail"),
    sort=("id",),
    size="medium",
    role="admin",
)
