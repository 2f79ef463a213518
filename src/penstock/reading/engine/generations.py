"""Generations: a database gives way to a new one once it has seen so many objects.

What the engine knows of an object (its footer, its size, the secret that opens it) it keeps for as
long as its database lives, and counts a part of it towards its memory: a quarter or a sixth. Nearly
all of it are the footer's column chunks, of which there is one for each column and row group.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from penstock.reading.engine.database import Database
from penstock.reading.objects import is_object

CHUNKS_KEPT = 60_000
"""Column chunks, at 900 bytes each: 54 MB. A new database takes about 0.1 s, and the old one stays
until its last query has ended."""

UNWEIGHED = 1000
"""Chunks of an object of which it isn't known yet."""

_BESIDES = 20
"""What an object's size and secret take up, in chunks."""
_WEIGHTS_KEPT = 10_000


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

    def __init__(self, make: Callable[[int], Database], *, chunks_kept: int = CHUNKS_KEPT) -> None:
        self._make = make
        self._chunks_kept = chunks_kept
        self._made = 1
        self._open = [Generation(make(0))]
        self._weights: dict[str, int] = {}
        self._lock = threading.Lock()

    def weigh(self, location: str, *, chunks: int) -> None:
        """Tell how many column chunks an object has; of the 10,000 told last it is remembered."""
        if not is_object(location):
            return
        with self._lock:
            self._weights.pop(location, None)
            self._weights[location] = chunks
            if len(self._weights) > _WEIGHTS_KEPT:
                del self._weights[next(iter(self._weights))]

    def take(self, locations: Sequence[str]) -> Generation:
        """Lend the newest database to a query that reads these locations."""
        objects = {location for location in locations if is_object(location)}
        with self._lock:
            newest = self._open[-1]
            # A query of more than is kept would otherwise have a database of its own each time.
            is_more = bool(newest.seen and objects - newest.seen)
            if is_more and self._weight(newest.seen | objects) > self._chunks_kept:
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

    def _weight(self, locations: set[str]) -> int:
        return sum(self._weights.get(each, UNWEIGHED) + _BESIDES for each in locations)

    def _end_unused(self) -> None:
        for generation in self._open[:-1]:
            if generation.users == 0:
                generation.database.close()
                self._open.remove(generation)
