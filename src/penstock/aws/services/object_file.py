"""An object as a file that can be read anywhere, for readers that know nothing of S3."""

import io
import os
from typing import BinaryIO, cast

from penstock.aws.services.bucket import Bucket, ObjectGoneError, ObjectHead
from penstock.errors import DatasetChangedError


class _ObjectFile(io.RawIOBase):
    def __init__(self, bucket: Bucket, stored: ObjectHead, dataset: str) -> None:
        self._bucket = bucket
        self._stored = stored
        self._dataset = dataset
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        begins = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._stored.size_bytes}
        self._place = begins[whence] + offset
        return self._place

    def read(self, size: int = -1) -> bytes:
        rest = max(0, self._stored.size_bytes - self._place)
        stop = self._place + (rest if size < 0 else min(size, rest))
        try:
            pieces = self._bucket.pieces(self._stored.object, start=self._place, stop=stop)
            content = b"".join(pieces)
        except ObjectGoneError as error:
            raise DatasetChangedError(self._dataset) from error
        self._place = stop
        return content


def open_object(bucket: Bucket, stored: ObjectHead, *, dataset: str) -> BinaryIO:
    """Open a content of an object; each read is one request, and holds what it reads.

    Reads raise DatasetChangedError where the object has another content by then, and BusyError.
    """
    return cast(BinaryIO, _ObjectFile(bucket, stored, dataset))
