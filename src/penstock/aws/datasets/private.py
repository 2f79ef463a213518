"""Which of a tenant's datasets are private, in a bucket (reading/private.py says how)."""

import hashlib
import threading
from collections import OrderedDict

from penstock.aws.services.bucket import Bucket
from penstock.errors import BusyError
from penstock.model.dataset import Dataset
from penstock.reading.private import (
    EVERYTHING,
    FILE_NAME,
    MAX_BYTES,
    NOTHING,
    PrivateNames,
    parse_private,
)

_CONTENTS_KEPT = 4096


def read_private(bucket: Bucket, home: str) -> PrivateNames:
    """Read what is private in a tenant's home (a key's beginning); one request."""
    try:
        content = bucket.small(f"{home}{FILE_NAME}", max_bytes=MAX_BYTES)
    except (BusyError, ValueError):
        return EVERYTHING
    return NOTHING if content is None else parse_private(content)


class KnownPublic:
    """The contents that were public while they were stored; thread-safe, the last used are kept.

    Whoever asks for one of these may have been a moment earlier: it needs no second look.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, dataset: Dataset) -> bool:
        key = _content(dataset)
        with self._lock:
            is_known = key in self._known
            if is_known:
                self._known.move_to_end(key)
        return is_known

    def add(self, dataset: Dataset) -> None:
        """Remember a content, in place of what was used longest ago."""
        key = _content(dataset)
        with self._lock:
            self._known[key] = None
            while len(self._known) > _CONTENTS_KEPT:
                self._known.popitem(last=False)


def _content(dataset: Dataset) -> bytes:
    """Digest what is asked for by name; a location opens one content alone."""
    digest = hashlib.sha256()
    for text in (dataset.tenant, dataset.name, *(file.location for file in dataset.files)):
        digest.update(hashlib.sha256(text.encode()).digest())
    return digest.digest()
