"""Stored objects with what their footers say, each footer read once."""

import hashlib
import re

from penstock.aws.services.bucket import Bucket, ObjectHead
from penstock.aws.services.object_file import open_object
from penstock.model.dataset import DataFile
from penstock.reading.describe import describe_file
from penstock.reading.engine import Engine
from penstock.reading.naming import unusable_location
from penstock.reading.stored_file import KnownFooters, StoredFile

_FIT_FOR_URL = re.compile(r"[A-Za-z0-9_-]{1,64}")


def version_of(stored: ObjectHead) -> str:
    """Give the version that a plain object is: its ETag, or a digest of an ETag of other forms."""
    etag = stored.object.etag
    if _FIT_FOR_URL.fullmatch(etag):
        return etag
    return hashlib.sha256(etag.encode()).hexdigest()[:32]


class Descriptions:
    """Describes objects; thread-safe."""

    def __init__(self, bucket: Bucket, engine: Engine) -> None:
        self._bucket = bucket
        self._engine = engine
        self._known = KnownFooters()

    def describe(self, stored: ObjectHead, *, dataset: str) -> StoredFile:
        """Describe a content of an object; no request is made for one that is known.

        Raises DatasetDamagedError, DatasetChangedError where it has another content by now, and
        BusyError.
        """
        if error := unusable_location(stored.object.key, dataset=dataset):
            raise error
        location = stored.object.location
        identity = version_of(stored)
        description = self._known.find(location, identity)
        if description is None:
            description = describe_file(
                self._engine,
                dataset=dataset,
                location=location,
                opened=lambda: open_object(self._bucket, stored, dataset=dataset),
            )
            self._known.add(location, identity, description)
        columns, row_groups = description
        return StoredFile(
            file=DataFile(
                location=location,
                size_bytes=stored.size_bytes,
                row_groups=row_groups,
                identity=identity,
            ),
            columns=columns,
            modified=stored.modified,
        )
