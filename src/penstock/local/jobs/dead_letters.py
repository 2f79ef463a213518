"""Dead letters in SQLite: messages that failed for good, until somebody takes them."""

import sqlite3
from collections.abc import Callable
from datetime import datetime

from penstock.errors import SetupError
from penstock.local.jobs.database import JobDatabase
from penstock.model.message import DeadLetter, message_from

_COLUMNS = "number, body, reason, buried"


class SqliteDeadLetters:
    """Table dead_letter of database.py; an id is a number that is given once."""

    def __init__(self, database: JobDatabase, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def lay(self, body: str, *, reason: str) -> None:
        """Keep what a queue held, with the reason why it failed for good."""
        with self._database.durable() as connection:
            lay_letter(connection, body, reason=reason, now=self._now())

    def list(self, *, limit: int) -> list[DeadLetter]:
        found = self._database.reads.rows(
            f"SELECT {_COLUMNS} FROM dead_letter ORDER BY number LIMIT ?", (limit,)
        )
        return [_letter(*row) for row in found]

    def take(self, letter_id: str) -> DeadLetter:
        with self._database.durable() as connection:
            found = connection.execute(
                # As text: what only looks like a number, such as "01", is no letter's id.
                f"SELECT {_COLUMNS} FROM dead_letter WHERE CAST(number AS TEXT) = ?",
                (letter_id,),
            ).fetchone()
            if found is None:
                raise SetupError(f"There is no dead letter “{letter_id}”.")
            connection.execute("DELETE FROM dead_letter WHERE number = ?", (found[0],))
        return _letter(*found)


def lay_letter(connection: sqlite3.Connection, body: str, *, reason: str, now: datetime) -> None:
    """Keep a body as a dead letter within a transaction."""
    connection.execute(
        "INSERT INTO dead_letter (body, reason, buried) VALUES (?, ?, ?)",
        (body, reason, now.isoformat()),
    )


def _letter(number: int, body: str, reason: str, buried: str) -> DeadLetter:
    return DeadLetter(
        id=str(number),
        body=body,
        reason=reason,
        buried=datetime.fromisoformat(buried),
        message=message_from(body),
    )
