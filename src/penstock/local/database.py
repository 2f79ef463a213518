"""One SQLite file in WAL mode, shared by threads and by processes."""

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from penstock.errors import BusyError, SetupError
from penstock.local.atomic import exclusive, private_folder

_BUSY_SECONDS = 5.0
_RETRY_SECONDS = 5


class Database:
    """A SQLite file open to its owner alone (0600), with the tables of `schema` made when missing.

    With `steps` in its place, the file tells how many of these changes it has been through
    (`PRAGMA user_version`, sqlite.org/pragma.html), and the others are made now: all or none.

    Thread-safe: one connection, one statement or transaction at a time. `durable` makes a commit
    survive a power cut; without it the last commits may be lost then, and nothing is damaged.

    Raises SetupError if the file can't be opened, is no database, was made by a newer version or
    can't be brought up to date. Later failures (a full disk, a lock held for 5 s) are BusyErrors,
    and SetupErrors where the file turns out to be damaged.
    """

    def __init__(
        self, path: Path, *, schema: str = "", steps: Sequence[str] = (), durable: bool
    ) -> None:
        self._path = path
        self._durable = durable
        self._is_durable: bool | None = None
        self._lock = threading.Lock()
        private_folder(path.parent)
        try:
            # Two connections that turn on WAL at once fail without waiting for each other.
            with exclusive(path.with_name(f"{path.name}.lock")):
                _make_private(path)
                self._connection = sqlite3.connect(
                    path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
                )
                try:
                    self._connection.execute("PRAGMA journal_mode = WAL")
                    self._make_durable(durable=durable)
                    if steps:
                        self._bring_up_to_date(steps)
                    else:
                        self._connection.executescript(f"BEGIN IMMEDIATE; {schema}; COMMIT")
                except BaseException:
                    self._connection.close()
                    raise
        except (sqlite3.Error, OSError) as error:
            raise SetupError(f"{path} can't be used as a database: {error}.") from error

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        """Run one reading statement and give all its rows."""
        with self._lock, self._translated():
            return self._connection.execute(sql, parameters).fetchall()

    @contextmanager
    def writing(self, *, durable: bool | None = None) -> Iterator[sqlite3.Connection]:
        """Run the body as one transaction that is alone in writing from its start.

        Committed at the body's end, undone if the body or the commit raises. `durable` says for
        this one alone whether it survives a power cut; each that does makes all before it do so.
        """
        with self._lock, self._translated():
            self._make_durable(durable=self._durable if durable is None else durable)
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                # SQLite has undone it already after some failures, a full disk among them.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file; closing twice changes nothing."""
        with self._lock:
            self._connection.close()

    def _bring_up_to_date(self, steps: Sequence[str]) -> None:
        # Whoever opens the file holds its lock meanwhile: nobody else takes a step in between.
        (done,) = self._connection.execute("PRAGMA user_version").fetchone()
        if done > len(steps):
            raise SetupError(
                f"{self._path} was made by a newer version of Penstock: use that version, or "
                "another home."
            )
        if done == len(steps):
            return
        script = "; ".join(steps[done:])
        try:
            self._connection.executescript(
                f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {len(steps)}; COMMIT"
            )
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
                raise
            raise SetupError(
                f"{self._path} was made by a version of Penstock that this one doesn't know "
                f"({error}): move it and its -wal file out of the way to begin with an empty one."
            ) from error

    def _make_durable(self, *, durable: bool) -> None:
        if durable is not self._is_durable:
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._is_durable = durable

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise BusyError(
                f"The service's records can't be used just now: try again in {_RETRY_SECONDS} s.",
                retry_after_seconds=_RETRY_SECONDS,
            ) from error
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError):
            raise
        except sqlite3.DatabaseError as error:
            raise SetupError(f"{self._path} is damaged: {error}.") from error


def _make_private(path: Path) -> None:
    # SQLite gives its -wal and -shm files the mode of the database. An existing file is not opened
    # here: closing it would drop the locks that this process's other connections hold on it.
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        path.chmod(0o600)
