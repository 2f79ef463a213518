"""Fair order: whose message is the next one, so that no tenant's flood keeps the others waiting."""

import sqlite3
from collections.abc import Collection

from penstock.local.database import Database
from penstock.model.job import SizeClass

HIDDEN = "(since <= ? AND ? < due)"
"""Whether a message is hidden; both values are the time as it is."""

# Each tenant is found with one step in the index, however many messages it has.
_EVERY_TENANT = (
    "WITH RECURSIVE lane (tenant) AS (SELECT min(tenant) FROM message UNION ALL"
    " SELECT (SELECT min(tenant) FROM message WHERE message.tenant > lane.tenant)"
    " FROM lane WHERE lane.tenant IS NOT NULL)"
)
_ONE_TENANT = "WITH lane (tenant) AS (SELECT ?)"


def next_message(
    database: Database,
    sizes: Collection[SizeClass],
    *,
    tenant: str | None,
    apart: frozenset[str],
    now: float,
) -> int | None:
    """Give the id of the message whose turn it is, as SqliteQueue.receive says."""
    wanted = sorted(set(sizes))
    values: list[object] = [] if tenant is None else [tenant]
    columns = ["tenant", "(SELECT number FROM turn WHERE turn.tenant = lane.tenant)"]
    columns.append(
        "(SELECT count(*) FROM message WHERE tenant = lane.tenant AND lease IS NOT NULL"
        f" AND size IN ({', '.join('?' * len(wanted))}) AND {HIDDEN})"
    )
    values += [*wanted, now, now]
    for size in wanted:
        columns.append(
            "(SELECT id FROM message WHERE tenant = lane.tenant AND size = ?"
            f" AND NOT {HIDDEN} ORDER BY id LIMIT 1)"
        )
        values += [size, now, now]
    found = database.rows(
        f"{_EVERY_TENANT if tenant is None else _ONE_TENANT}"
        f" SELECT {', '.join(columns)} FROM lane WHERE tenant IS NOT NULL",
        values,
    )
    waiting = [
        (held, turn or 0, min(ids))
        for name, turn, held, *oldest in found
        if (ids := [id_ for id_ in oldest if id_ is not None])
        and (tenant is not None or name not in apart)
    ]
    return min(waiting)[2] if waiting else None


def note_turn(connection: sqlite3.Connection, tenant: str) -> None:
    """Say, within a transaction, that a tenant had its turn."""
    connection.execute(
        "INSERT OR REPLACE INTO turn (tenant, number)"
        " SELECT ?, coalesce(max(number), 0) + 1 FROM turn",
        (tenant,),
    )
