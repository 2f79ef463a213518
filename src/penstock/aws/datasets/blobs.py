"""Stored objects in a bucket of S3."""

from collections.abc import Iterator
from typing import Any

from penstock.aws.services.bucket import Bucket, ObjectGoneError
from penstock.errors import DatasetChangedError
from penstock.model.dataset import DataFile, name_of_file
from penstock.model.disposition import disposition
from penstock.reading.objects import StoredObject


class S3Blobs:
    """Objects by their locations; each request demands the content that was described."""

    def __init__(self, *, client: Any, bucket: str) -> None:
        self._bucket = Bucket(client, bucket)

    def read(self, file: DataFile, *, start: int, stop: int) -> Iterator[bytes]:
        wanted = StoredObject.at(file.location)
        try:
            yield from self._bucket.pieces(wanted, start=start, stop=stop)
        except ObjectGoneError as error:
            raise _changed(wanted) from error

    def link(self, file: DataFile, *, file_name: str, seconds: int) -> str:
        wanted = StoredObject.at(file.location)
        stored = self._bucket.look(wanted.key)
        if stored is None or stored.object != wanted:
            raise _changed(wanted)
        return self._bucket.link(
            wanted.key,
            version_id=stored.version_id,
            disposition=disposition(file_name),
            seconds=seconds,
        )


def _changed(wanted: StoredObject) -> DatasetChangedError:
    return DatasetChangedError(name_of_file(wanted.key.rpartition("/")[2]))
