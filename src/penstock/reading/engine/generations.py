"""Generations: a database gives way to a new one once it has seen so many objects.

What the engine knows of an object (its footer, its size, the secret that opens it) it keeps for as
long as its database lives, and counts a quarter of it towards its memory.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from penstock.reading.engine.database import Database
from penstock.reading.objects import is_object

OBJECTS_KEPT = 256
"""A footer of 20 row groups and ten columns takes up 180 KB: 45 MB in all. A new database takes
about 0.1 s, and the old one stays until its last query has ended."""


@dataclass(slots=True, eq=False)
class Generation:
    """A database, the objects that it has seen, and how many queries use it."""

    database: Database
    seen: set[str] = field(default_factory=set)
    users: int = 0


class Generations:
    """Lends the newest database to queries; thread-safe.

    `make` opens one, and is given a number that no other open one has.
    """

    def __init__(self, make: Callable[[int], Database]) -> None:
        self._make = make
        self._made = 1
        self._open = [Generation(make(0))]
        self._lock = threading.Lock()

    def take(self, locations: Sequence[str]) -> Generation:
        """Lend the newest database to a query that reads these locations."""
        objects = {location for location in locations if is_object(location)}
        with self._lock:
            newest = self._open[-1]
            if newest.seen and len(newest.seen | objects) > OBJECTS_KEPT:
                newest = Generation(self._make(self._made))
                self._made += 1
                self._open.append(newest)
                self._end_unused()
            newest.seen |= objects
            newest.users += 1
            return newest

    def give_back(self, generation: Generation) -> None:
        """Take a database back from a query that has ended."""
        with self._lock:
            generation.users -= 1
            self._end_unused()

    @contextmanager
    def lent(self, locations: Sequence[str]) -> Iterator[Database]:
        """Lend the newest database to the body, which reads these locations."""
        generation = self.take(locations)
        try:
            yield generation.database
        finally:
            self.give_back(generation)

    def close(self) -> None:
        """End every database; running queries fail."""
        with self._lock:
            for generation in self._open:
                generation.database.close()
            self._open.clear()

    def _end_unused(self) -> None:
        for generation in self._open[:-1]:
            if generation.users == 0:
                generation.database.close()
                self._open.remove(generation)
