"""Uploads of large objects to S3, in parts."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Self

from botocore.exceptions import ClientError

from penstock.aws.services.bucket import BROKEN_OFF
from penstock.errors import BusyError, PermanentError

PART_BYTES = 8 * 1024 * 1024

_MOST_PARTS = 10_000
"""Amazon S3 multipart upload limits; there, too: all parts but the last have at least 5 MiB."""

_RETRY_SECONDS = 5


def parts_of(pieces: Iterable[bytes], *, part_bytes: int = PART_BYTES) -> Iterator[memoryview]:
    """Join and cut pieces to parts of this size, the last one shorter; none if there is nothing.

    Lazy: holds one part, in which the next one is made, and a piece.
    """
    filling = bytearray(part_bytes)
    filled = 0
    for piece in pieces:
        left = memoryview(piece)
        while left:
            taken = left[: part_bytes - filled]
            filling[filled : filled + len(taken)] = taken
            filled += len(taken)
            left = left[len(taken) :]
            if filled == part_bytes:
                yield memoryview(filling)
                filled = 0
    if filled:
        yield memoryview(filling)[:filled]


class Upload:
    """An upload that was begun: its object is there, whole, once the body ends.

    Where the body raises, or S3 does, nothing is there, and the parts are given up.
    """

    def __init__(self, client: Any, bucket: str, key: str, upload_id: str) -> None:
        self._client = client
        self._upload = {"Bucket": bucket, "Key": key, "UploadId": upload_id}
        self._parts: list[dict[str, Any]] = []
        self._sending: Future[str] | None = None
        # One thread: a part is on its way while the next one is made.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="upload")

    def __enter__(self) -> Self:
        return self

    def send(self, part: memoryview) -> None:
        """Send a copy of a part once the one before has arrived, and is not held any more.

        Raises BusyError and PermanentError.
        """
        self._arrive()
        if len(self._parts) == _MOST_PARTS:
            most = _MOST_PARTS * PART_BYTES
            raise PermanentError(f"A file of this job is larger than the {most:,} bytes it may be.")
        self._sending = self._thread.submit(self._send, bytes(part), len(self._parts) + 1)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        done = False
        try:
            if kind is None:
                self._arrive()
                with translated():
                    self._client.complete_multipart_upload(
                        **self._upload, MultipartUpload={"Parts": self._parts}
                    )
                done = True
        finally:
            # A part that arrives later would not be given up.
            self._thread.shutdown()
            if not done:
                with suppress(BusyError), translated():
                    self._client.abort_multipart_upload(**self._upload)

    def _arrive(self) -> None:
        if self._sending is not None:
            sending, self._sending = self._sending, None
            etag = sending.result()
            self._parts.append({"ETag": etag, "PartNumber": len(self._parts) + 1})

    def _send(self, part: bytes, number: int) -> str:
        with translated():
            answer = self._client.upload_part(**self._upload, Body=part, PartNumber=number)
            return str(answer["ETag"])


@contextmanager
def translated() -> Iterator[None]:
    """Run the body; where S3 fails, throttles or refuses in it, raise BusyError."""
    try:
        yield
    except (ClientError, *BROKEN_OFF) as error:
        raise unwritable() from error


def unwritable() -> BusyError:
    """Give the error of a store that can't be written; it names no place in it."""
    return BusyError(
        f"The store can't be written just now: try again in {_RETRY_SECONDS} s.",
        retry_after_seconds=_RETRY_SECONDS,
    )
