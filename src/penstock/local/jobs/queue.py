"""The queue of jobs in SQLite: messages on their way to the workers of this machine."""

import secrets
import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from penstock.local.jobs.database import JobDatabase
from penstock.local.jobs.dead_letters import SqliteDeadLetters, lay_letter
from penstock.local.jobs.fair_order import HIDDEN, next_message, note_turn
from penstock.model.job import SizeClass
from penstock.model.message import JobMessage, body_of, message_from

_UNREADABLE = "This is no message of a job, or one of another version of the service."


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMessage:
    """A message that its receiver holds until it is done, or for as long as it was hidden."""

    id: int
    message: JobMessage
    delivered: int
    """How often it was received, this time included: more than 1 where a receiver let it go."""
    receipt_handle: str


class SqliteQueue:
    """Table message of database.py: at least once, and each tenant in its turn.

    A message that was received is hidden from others for a while and comes back when it isn't done
    by then, as that of a worker that died. What is hidden is hidden by `clock`: seconds that every
    process of this machine counts alike, from its start on, and that neither run while it sleeps
    nor jump when its time is set (`time.monotonic` on Linux and macOS). After a restart it counts
    anew: a message that was hidden at a time that is still to come is not hidden any more, any
    other one for no longer than it would have been.

    What is moved here may be forgotten in a power cut, the newest moves first: a message is then
    received again, or found missing by the sweeper.

    Messages of `tenants_apart` are received only by those who ask for that tenant.
    """

    def __init__(
        self,
        database: JobDatabase,
        *,
        letters: SqliteDeadLetters,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        tenants_apart: frozenset[str] = frozenset(),
    ) -> None:
        self._database = database
        self._letters = letters
        self._clock = clock
        self._now = now
        self._apart = tenants_apart

    def send(self, message: JobMessage, *, delay_seconds: float = 0) -> None:
        now = self._clock()
        with self._database.undurable() as connection:
            connection.execute(
                "INSERT INTO message (tenant, size, body, since, due) VALUES (?, ?, ?, ?, ?)",
                (message.tenant, message.size, body_of(message), now, now + delay_seconds),
            )

    def bury(self, message: JobMessage, *, reason: str) -> None:
        self._letters.lay(body_of(message), reason=reason)

    def receive(
        self,
        sizes: Collection[SizeClass],
        *,
        visible_seconds: float,
        tenant: str | None = None,
        holder: str = "",
    ) -> ReceivedMessage | None:
        """Take the next message of these sizes and hide it from others for `visible_seconds`.

        It is one of the tenant that has the fewest messages of these sizes in others' hands, among
        such of the one whose turn was longest ago; a tenant's own come in the order in which they
        were sent. None if nothing is due. With `tenant`, only that one's are received. `holder` is
        by whom `hand_back` knows the receiver.

        What can't be read as a message becomes a dead letter. Raises BusyError.
        """
        # The choice is made outside of the transaction: who only looks doesn't wait for those who
        # write, nor make them wait. Where another one takes that message first, it is made anew.
        while (found := self._next(sizes, tenant)) is not None:
            with self._database.undurable() as connection:
                received = self._taken(connection, found, visible_seconds, holder)
            if received is not None:
                return received
        return None

    def release(self, received: ReceivedMessage, *, delay_seconds: float = 0) -> None:
        """Give a message back, to be received after a delay; one that was lost stays hidden."""
        now = self._clock()
        with self._database.undurable() as connection:
            connection.execute(
                "UPDATE message SET lease = NULL, since = ?, due = ? WHERE id = ? AND lease = ?",
                (now, now + delay_seconds, received.id, received.receipt_handle),
            )

    def done(self, received: ReceivedMessage) -> None:
        """Forget a message; one that somebody else has received meanwhile stays theirs."""
        with self._database.undurable() as connection:
            connection.execute(
                "DELETE FROM message WHERE id = ? AND lease = ?",
                (received.id, received.receipt_handle),
            )

    def hand_back(self, is_dead: Callable[[str], bool]) -> int:
        """Let messages be received again at once whose holder is dead; give how many these are.

        Until then they count as in their holder's hands, and put their tenant's others last.
        """
        now = self._clock()
        found = self._database.reads.rows(
            "SELECT DISTINCT holder FROM message WHERE lease IS NOT NULL AND holder <> ''"
        )
        dead = [holder for (holder,) in found if is_dead(holder)]
        if not dead:
            return 0
        with self._database.undurable() as connection:
            changed = connection.execute(
                "UPDATE message SET lease = NULL, since = ?, due = ?"
                f" WHERE lease IS NOT NULL AND holder IN ({', '.join('?' * len(dead))})",
                (now, now, *dead),
            )
            return changed.rowcount

    def _next(self, sizes: Collection[SizeClass], tenant: str | None) -> int | None:
        return next_message(
            self._database.reads, sizes, tenant=tenant, apart=self._apart, now=self._clock()
        )

    def _taken(
        self, connection: sqlite3.Connection, message_id: int, visible_seconds: float, holder: str
    ) -> ReceivedMessage | None:
        """Take a message within a transaction, if nobody else did.

        It becomes a dead letter if it can't be read.
        """
        now = self._clock()
        found = connection.execute(
            f"SELECT tenant, size, body, delivered FROM message WHERE id = ? AND NOT {HIDDEN}",
            (message_id, now, now),
        ).fetchone()
        if found is None:
            return None
        tenant, size, body, delivered = found
        note_turn(connection, tenant)
        message = message_from(body)
        if message is None or (message.tenant, message.size) != (tenant, size):
            lay_letter(connection, body, reason=_UNREADABLE, now=self._now())
            connection.execute("DELETE FROM message WHERE id = ?", (message_id,))
            return None
        receipt_handle = secrets.token_hex(8)
        connection.execute(
            "UPDATE message SET lease = ?, holder = ?, since = ?, due = ?,"
            " delivered = delivered + 1 WHERE id = ?",
            (receipt_handle, holder, now, now + visible_seconds, message_id),
        )
        return ReceivedMessage(
            id=message_id,
            message=message,
            delivered=delivered + 1,
            receipt_handle=receipt_handle,
        )
