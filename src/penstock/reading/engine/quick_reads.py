"""Quick reads: statements that read little of an object, in a database that keeps what it read.

The engine keeps such ranges in its memory and has no other bound for them: a small database of
their own bounds them, and what reads much never comes to push them out.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

from penstock.model.dataset import DataFile
from penstock.reading.engine.database import Database
from penstock.reading.engine.generations import Generations
from penstock.reading.objects import is_object

MEMORY_BYTES = 16_000_000
"""Of the small database: its ranges take two thirds of it."""
_GROUP_BYTES = 4_000_000
"""Of a row group on average, as stored: there is to be room for a few of them."""
_CHUNKS_KEPT = 8_000
"""Column chunks of its objects, at 900 bytes each: 7 MB."""
_CHUNKS_OF_ONE = 4_000
_LEARNT = 1_000


class QuickReads:
    """Remembers which statements read little of which object; thread-safe.

    A statement is its text: the values that it binds may be others. The database is made in a
    thread of its own once there is one such statement, and is used when it is there.
    """

    def __init__(self, make: Callable[[int], Database]) -> None:
        self._make = make
        self._learnt: OrderedDict[tuple[str, ...], bool] = OrderedDict()
        self._databases: Generations | None = None
        self._making: threading.Thread | None = None
        self._lock = threading.Lock()

    def has(self, sql: str, locations: Sequence[str]) -> bool:
        """Whether a statement may be run as a quick one."""
        return self.databases_for(sql, locations) is not None

    def databases_for(self, sql: str, locations: Sequence[str]) -> Generations | None:
        """Give what a statement is to be run in if it is a quick one, else None."""
        key = (sql, *locations)
        with self._lock:
            if not self._learnt.get(key):
                return None
            self._learnt.move_to_end(key)
            return self._databases

    def learn(self, sql: str, file: DataFile, *, columns: int) -> None:
        """Remember a statement that read little of an object, if its row groups are small."""
        groups = len(file.row_groups)
        is_small = file.size_bytes <= _GROUP_BYTES * groups and columns * groups <= _CHUNKS_OF_ONE
        if not (is_small and is_object(file.location)):
            return
        with self._lock:
            if not self._learnt.setdefault((sql, file.location), True):
                return
            if len(self._learnt) > _LEARNT:
                self._learnt.popitem(last=False)
            if self._databases is not None:
                self._databases.weigh(file.location, chunks=columns * groups)
            elif self._making is None:
                self._making = threading.Thread(target=self._open, name="quick", daemon=True)
                self._making.start()

    def forget(self, sql: str, locations: Sequence[str]) -> None:
        """Forget a statement that read more with other values."""
        with self._lock:
            self._learnt.pop((sql, *locations), None)

    def rule_out(self, sql: str, locations: Sequence[str]) -> None:
        """Take a statement for one that is never quick: it needs more memory than there is."""
        with self._lock:
            self._learnt[(sql, *locations)] = False

    def close(self) -> None:
        """End the database; running queries fail."""
        if self._making is not None:
            self._making.join()
        if self._databases is not None:
            self._databases.close()

    def _open(self) -> None:
        databases = Generations(self._make, chunks_kept=_CHUNKS_KEPT)
        with self._lock:
            self._databases = databases
