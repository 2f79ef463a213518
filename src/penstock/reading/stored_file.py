"""Stored files: the columns and row groups of each, of which the last used are remembered."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from penstock.model.dataset import Column, DataFile, RowGroup

Description = tuple[tuple[Column, ...], tuple[RowGroup, ...]]
"""What a footer says: columns and row groups."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One stored Parquet file as it is now, and its columns."""

    file: DataFile
    columns: tuple[Column, ...]
    modified: datetime


class KnownFooters:
    """What footers say, by location and identity; thread-safe.

    The `capacity` last used are kept.
    """

    def __init__(self, *, capacity: int = 4096) -> None:
        self._capacity = capacity
        self._known: OrderedDict[tuple[str, str], Description] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, location: str, identity: str) -> Description | None:
        """Give what is known of a content at a location."""
        with self._lock:
            description = self._known.get((location, identity))
            if description is not None:
                self._known.move_to_end((location, identity))
            return description

    def add(self, location: str, identity: str, description: Description) -> None:
        """Remember this, in place of what was used longest ago."""
        with self._lock:
            self._known[(location, identity)] = description
            while len(self._known) > self._capacity:
                self._known.popitem(last=False)
